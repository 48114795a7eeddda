import { basename } from 'node:path'
import { parseArgs } from 'node:util'
import { NodeError } from '../api/node-error.ts'
import { findVerb, formatVerbHelp } from './help.ts'
import { nearest } from './nearest.ts'
import { UsageError } from './usage-error.ts'
import { EXIT } from './verb.ts'
import type { ExitCode, Verb, VerbInput } from './verb.ts'
import { SEED_NAMES, VERBS } from './verbs.ts'

/**
 * The node's `plump`: `node cli.cjs CALLEDNAME ARGS…`. It has its own small dispatch, as on a slow machine each module a
 * command loads is felt. PLUMP_SOCKET, PLUMP_NODE_JSON and PLUMP_PACKAGES name another agent's socket, another node.json and
 * another report of packages.
 */
async function main(calledName: string, args: readonly string[]): Promise<ExitCode> {
  try {
    const { verb, rest } = chooseVerb(calledName, args)
    const { values, positionals } = parseVerbArgs(verb, rest)
    if (values['help'] === true) print(formatVerbHelp(verb))
    else await verb.run({ options: values, words: positionals, ...surroundings() })
    return EXIT.done
  } catch (error) {
    process.stderr.write(`${describeError(error)}\n`)
    return error instanceof UsageError ? EXIT.usage : EXIT.failed
  }
}

/** A seed's name is a verb of its own; `plump` takes the verb from its first word and says what there is without one. */
function chooseVerb(calledName: string, args: readonly string[]): { verb: Verb; rest: readonly string[] } {
  const seedVerb = SEED_NAMES[calledName]
  if (seedVerb !== undefined) return { verb: findVerb(VERBS, seedVerb), rest: args }
  const [word, ...rest] = args
  if (word === undefined || word === '--help' || word === '-h') return { verb: findVerb(VERBS, 'help'), rest: [] }
  return { verb: findVerb(VERBS, word === '--version' ? 'version' : word), rest }
}

function parseVerbArgs(verb: Verb, args: readonly string[]): { values: VerbInput['options']; positionals: readonly string[] } {
  const options = { ...verb.options, help: { type: 'boolean' as const, short: 'h' } }
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true })
    const surplus = positionals[verb.wordsLimit]
    if (surplus !== undefined) throw new UsageError(`plump ${verb.name} does not take "${surplus}"`, `plump help ${verb.name}`)
    return { values: values as VerbInput['options'], positionals }
  } catch (error) {
    if (error instanceof UsageError || !(error instanceof TypeError)) throw error
    const typed = /^Unknown option '-*([^']+)'/.exec(error.message)?.[1]
    const meant = typed === undefined ? undefined : nearest(typed, Object.keys(options))
    const message = typed === undefined ? error.message : `plump ${verb.name} has no option "${typed}"`
    throw new UsageError(message, meant === undefined ? `plump help ${verb.name}` : `did you mean: plump ${verb.name} --${meant}`)
  }
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

// `plump log | head` ends the reader before us: that is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.failed))
const [calledName = 'plump', ...args] = process.argv.slice(2)
void main(basename(calledName), args).then((code) => {
  process.exitCode = code
})
