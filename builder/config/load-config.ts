import { isNode, LineCounter, parseDocument, type Document } from 'yaml'
import type { z } from 'zod'
import { plumpYamlSchema, type PlumpYaml } from '../../schema/plump-yaml.ts'
import { EXIT, PlumpError } from '../errors.ts'
import { knownKeysAt } from './known-keys.ts'
import { nearest } from './nearest.ts'

/**
 * Reads the text of a plump.yaml. Throws PlumpError CONFIG (exit code 2) that names the line of everything that is
 * wrong, and for an unknown key the nearest known one. `file` is only for the message.
 */
export function loadConfig(text: string, file: string): PlumpYaml {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  if (document.errors.length > 0) {
    throw configError(document.errors.map((error) => `${file}:${error.linePos?.[0].line ?? 1}: ${error.message.split('\n', 1)[0]?.replace(/ at line .*/, '')}`))
  }
  const parsed = plumpYamlSchema.safeParse(valueOf(document, file) ?? {})
  if (parsed.success) return parsed.data
  throw configError(parsed.error.issues.flatMap((issue) => describeIssue(issue, document, lines).map((line) => `${file}:${line}`)))
}

/** An alias (`*name`) without its anchor, or aliases that multiply without end, show only when the document becomes a value. */
function valueOf(document: Document, file: string): unknown {
  try {
    return document.toJS()
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error
    throw configError([`${file}: ${error.message}`])
  }
}

function configError(problems: readonly string[]): PlumpError {
  return new PlumpError('CONFIG', problems.join('\n'), { fix: 'correct the lines above; every key is described in docs/reference/plump-yaml.md', exitCode: EXIT.usage })
}

function describeIssue(issue: z.core.$ZodIssue, document: Document, lines: LineCounter): string[] {
  const path = issue.path.map(String)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${lineOf([...path, key], document, lines)}: unknown key ${[...path, key].join('.')}${hint(key, path)}`)
  }
  const where = path.length === 0 ? 'plump.yaml' : path.join('.')
  return [`${lineOf(path, document, lines)}: ${where}: ${issue.message}`]
}

function hint(key: string, path: readonly string[]): string {
  const known = knownKeysAt(path)
  const similar = nearest(key, known)
  return similar === undefined ? `; known keys here: ${known.join(', ')}` : `; did you mean ${[...path, similar].join('.')}?`
}

/** The line of a key, or of the nearest thing around it that is in the file. */
function lineOf(path: readonly string[], document: Document, lines: LineCounter): number {
  for (let length = path.length; length > 0; length--) {
    const offset = offsetOf(path.slice(0, length), document)
    if (offset !== undefined) return lines.linePos(offset).line
  }
  return 1
}

function offsetOf(path: readonly string[], document: Document): number | undefined {
  const parent: unknown = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true)
  const key = path.at(-1)
  if (!isNode(parent) || !('items' in parent)) return undefined
  for (const [index, item] of (parent.items as unknown[]).entries()) {
    if (isNode(item) && String(index) === key) return item.range?.[0]
    if (typeof item !== 'object' || item === null || !('key' in item)) continue
    if (isNode(item.key) && String(item.key) === key) return item.key.range?.[0]
  }
  return undefined
}
