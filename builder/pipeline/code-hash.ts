import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Inputs } from './step.ts'

const IMPORT = /^\s*(?:import|export)\s+(?!type\b)(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\('([^']+)'\)/gm

/**
 * The step's code as inputs: the hash of its file and of every project file it imports, directly or not, and the versions of the
 * npm packages they use. Type-only imports are left out (they are erased), and so are other steps: what they make is an
 * input by its contents, so how they make it does not matter here.
 */
export async function codeInputs(codeUrl: string, projectFolder: string): Promise<Inputs> {
  const stepFile = fileURLToPath(codeUrl)
  const stepsFolder = dirname(stepFile)
  const inputs: Inputs = {}
  const waiting = [stepFile]
  const seen = new Set(waiting)
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const source = await readFile(file, 'utf8')
    inputs[`code ${relative(projectFolder, file)}`] = createHash('sha256').update(source).digest('hex')
    for (const specifier of importsOf(source)) {
      if (specifier.startsWith('node:')) continue
      if (!specifier.startsWith('.')) {
        const name = packageName(specifier)
        inputs[`npm ${name}`] ??= await packageVersion(projectFolder, name)
        continue
      }
      const target = resolve(dirname(file), specifier)
      if (seen.has(target) || dirname(target) === stepsFolder) continue
      seen.add(target)
      waiting.push(target)
    }
  }
  return inputs
}

/** Module specifiers of all imports and re-exports of a TypeScript source that survive type stripping. */
export function importsOf(source: string): string[] {
  return [...source.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? '')
}

function packageName(specifier: string): string {
  return specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
}

async function packageVersion(projectFolder: string, name: string): Promise<string> {
  const text = await readFile(join(projectFolder, 'node_modules', name, 'package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
