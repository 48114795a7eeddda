import { createHash } from 'node:crypto'
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build as bundle } from 'esbuild'
import { packTree } from '../image/pack-tree.ts'
import { fileInputs } from '../pipeline/inputs.ts'
import type { Build } from '../pipeline/build.ts'
import type { Step } from '../pipeline/step.ts'

/** Programs of the node, each bundled to one file of usr/lib/plump. */
const ENTRY_POINTS = [
  { source: 'agent/main.ts', file: 'agent.cjs' },
  { source: 'agent/cli/main.ts', file: 'cli.cjs' },
  { source: 'agent/cli/mosrun.ts', file: 'mosrun.cjs' },
  { source: 'agent/packages/main.ts', file: 'packages.cjs' },
] as const

const LIBRARY = 'usr/lib/plump'

/** The agent and the node's CLI, bundled. Result: agent.tar.gz, unpacked over the root at boot, and bundle.json: the npm packages inside. */
export const agentBundle: Step = {
  id: 'agent-bundle',
  title: 'Bundle the agent',
  needs: [],
  codeUrl: import.meta.url,
  async inputs(build) {
    const lock = await readFile(join(build.paths.project, 'package-lock.json'))
    return {
      ...(await fileInputs(build.paths.project, ['agent', 'schema', 'tsconfig.json'])),
      'package-lock.json': createHash('sha256').update(lock).digest('hex'),
      'version': build.version,
      'epoch': String(build.epochSeconds),
    }
  },
  async run({ build, out }) {
    const tree = join(out, 'tree')
    await mkdir(join(tree, LIBRARY), { recursive: true })
    const npmPackages = new Set<string>()
    for (const { source, file } of ENTRY_POINTS) {
      for (const name of await bundleProgram(build, source, join(tree, LIBRARY, file))) npmPackages.add(name)
    }
    // Node writes no file name and no date into the gzip header.
    await writeFile(join(out, 'agent.tar.gz'), gzipSync(await packTree(tree, build.epochSeconds), { level: 9 }))
    await rm(tree, { recursive: true })
    await writeFile(join(out, 'bundle.json'), `${JSON.stringify({ npmPackages: [...npmPackages].toSorted() }, undefined, 1)}\n`)
  },
}

/** Writes one bundled program and gives the names of the npm packages in it. */
async function bundleProgram(build: Build, source: string, target: string): Promise<string[]> {
  const result = await bundle({
    entryPoints: [source],
    absWorkingDir: build.paths.project,
    outfile: target,
    bundle: true,
    // Paths of modules stand in the bundle: they must not depend on where a linked node_modules really is.
    preserveSymlinks: true,
    platform: 'node',
    target: 'node24',
    // Node starts a CommonJS file without its loader for ES modules, which costs as much again as an empty start.
    format: 'cjs',
    // Identifiers stay: stack traces name them, and shortening them while keeping the names costs more at every start.
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    metafile: true,
    logLevel: 'silent',
    define: { PLUMP_VERSION: JSON.stringify(build.version) },
  })
  await chmod(target, 0o644)
  return Object.keys(result.metafile.inputs).flatMap((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? [])
}
