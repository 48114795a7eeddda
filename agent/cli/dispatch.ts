import { basename } from 'node:path'
import { NodeError } from '../api/node-error.ts'
import { findVerb, formatVerbHelp } from './help.ts'
import { UsageError } from './usage-error.ts'
import { EXIT } from './verb.ts'
import { parseVerbArgs } from './verb-args.ts'
import type { Verb, VerbInput } from './verb.ts'
import { SEED_NAMES } from './seed-names.ts'

/**
 * Runs what a command line says, with these verbs, and sets the exit code. It has its own small dispatch, as on a slow machine each module a
 * command loads is felt. PLUMP_SOCKET, PLUMP_NODE_JSON and PLUMP_PACKAGES name another agent's socket, another node.json and
 * another report of packages.
 */
export function runProgram(verbs: readonly Verb[], [calledName = 'plump', ...args]: readonly string[]): void {
  // `plump log | head` ends the reader before us: that is not an error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.failed))
  void dispatch(verbs, basename(calledName), args).then((code) => {
    process.exitCode = code
  })
}

async function dispatch(verbs: readonly Verb[], calledName: string, args: readonly string[]): Promise<number> {
  try {
    const { verb, rest } = chooseVerb(verbs, calledName, args)
    const { values, positionals } = parseVerbArgs(verb, rest)
    if (values['help'] !== true) return await verb.run({ options: values, words: positionals, ...surroundings() }) ?? EXIT.done
    print(formatVerbHelp(verb))
    return EXIT.done
  } catch (error) {
    process.stderr.write(`${describeError(error)}\n`)
    return error instanceof UsageError ? EXIT.usage : EXIT.failed
  }
}

/** A seed's name is a verb of its own, maybe with options; `plump` takes the verb from its first word and says what there is without one. */
function chooseVerb(verbs: readonly Verb[], calledName: string, args: readonly string[]): { verb: Verb; rest: readonly string[] } {
  const [seedVerb, ...seedOptions] = SEED_NAMES[calledName]?.split(' ') ?? []
  if (seedVerb !== undefined) return { verb: findVerb(verbs, seedVerb), rest: [...seedOptions, ...args] }
  const [word, ...rest] = args
  if (word === undefined || word === '--help' || word === '-h') return { verb: findVerb(verbs, 'help'), rest: [] }
  return { verb: findVerb(verbs, word === '--version' ? 'version' : word), rest }
}

function surroundings(): Omit<VerbInput, 'options' | 'words'> {
  return {
    print,
    socketPath: process.env['PLUMP_SOCKET'] ?? '/run/plump/agent.sock',
    nodeJsonPath: process.env['PLUMP_NODE_JSON'] ?? '/etc/plump/node.json',
    packagesPath: process.env['PLUMP_PACKAGES'] ?? '/run/plump/packages.json',
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

function describeError(error: unknown): string {
  if (error instanceof NodeError) return `error[${error.code}]: ${error.message}\n  fix: ${error.fix}`
  const trace = error instanceof Error ? error.stack : String(error)
  return `error[BUG]: ${trace}\n  fix: this is a bug in Plump; please report it with the lines above`
}
