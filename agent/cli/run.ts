import type { Hints, JobSpec, Mask } from '../../schema/job.ts'
import { parseMask } from '../jobs/mask-text.ts'
import { attachJob, endLike } from './attached-job.ts'
import { askJobs, openJobs } from './job-client.ts'
import { UsageError } from './usage-error.ts'
import { parseVerbArgs } from './verb-args.ts'
import type { Verb, VerbInput } from './verb.ts'

type Options = VerbInput['options']

const UNITS: Readonly<Record<string, number>> = { '': 1, 'K': 1024, 'M': 1024 ** 2, 'G': 1024 ** 3 }
/** The cluster mask of all jobs that a shell starts (openMosix HOWTO 8.4). */
const MASK_VARIABLE = 'PLUMP_MASK'

export const run: Verb = {
  name: 'run',
  usage: '[OPTIONS] COMMAND [ARGUMENTS]',
  summary: 'run a command as a job, which may move to other nodes (mosrun)',
  details: [
    'Runs the command with your directory, environment, umask and rights, and with its stdin, stdout and stderr where yours are. Its exit code, or',
    'the signal that ended it, is yours. Keys and signals reach it wherever it runs. Options of the command itself stand behind it.',
  ].join('\n'),
  options: {
    'background': { type: 'boolean', short: 'b', help: 'start it and return; see plump logs and plump wait' },
    'home': { type: 'boolean', short: 'h', help: 'keep it at home (runhome)' },
    'on': { type: 'string', help: 'start it on this node (runon NODE)' },
    'place': { type: 'string', short: 'j', help: 'auto: start it on the node where it costs least by the loads known here' },
    'nomig': { type: 'boolean', help: 'keep it on the node where it starts (nomig)' },
    'unlocked': { type: 'boolean', short: 'l', help: 'let it move, whatever the job that starts it may do' },
    'nodes': { type: 'string', help: 'the nodes it may run on besides its home: ID,ID,…' },
    'mask': { type: 'string', help: 'allow:ID,… or deny:ID,…, for the job and all that it starts; PLUMP_MASK in the environment does the same' },
    'cpujob': { type: 'boolean', help: 'hint: it computes' },
    'iojob': { type: 'boolean', help: 'hint: it reads and writes' },
    'decay': { type: 'string', help: 'hint: how fast its past counts less: own, none, slow or fast' },
    'memory': { type: 'string', short: 'm', help: 'end it when it uses more, as in 200M' },
    'cpus': { type: 'string', help: 'give it no more than this many processors, as in 0.5' },
    'nice': { type: 'string', short: 'n', help: 'its niceness, -20 to 19' },
  },
  wordsLimit: 4096,
  startsCommand: true,
  async run({ options, words, print }) {
    const spec = specOf(options, words)
    const placement = {
      foreground: options['background'] !== true,
      ...startOf(options),
      lock: lockOf(options),
      mask: maskOf(options),
      hints: hintsOf(options),
    }
    if (!placement.foreground) {
      print((await askJobs({ request: 'run', spec, options: placement })).id)
      return 0
    }
    const { result, socket } = await openJobs({ request: 'run', spec, options: placement })
    const code = endLike(await attachJob(result, socket))
    // An open stdin would keep this process; all that the job wrote has been written.
    process.exit(code)
  },
}

/** `runon NODE COMMAND` of the seed. */
export const runon: Verb = {
  ...run,
  name: 'runon',
  usage: 'NODE [OPTIONS] COMMAND [ARGUMENTS]',
  summary: 'run a command as a job that starts on another node',
  run(input) {
    const [node = '', ...rest] = input.words
    // The node is the first word, so options behind it have not been taken for such yet.
    const { values, positionals } = parseVerbArgs(run, rest)
    return run.run({ ...input, words: positionals, options: { ...input.options, ...values, on: node } })
  },
}

function specOf(options: Options, words: readonly string[]): Omit<JobSpec, 'uid' | 'gid'> {
  if (words.length === 0) throw new UsageError('there is no command to run', 'mosrun COMMAND [ARGUMENTS]')
  const isForeground = options['background'] !== true
  const isTerminal = isForeground && process.stdin.isTTY && process.stdout.isTTY
  const mask = options['mask'] ?? process.env[MASK_VARIABLE]
  const environment = { ...process.env, ...(typeof mask === 'string' ? { [MASK_VARIABLE]: mask } : {}) }
  const umask = process.umask()
  return {
    command: [...words],
    environment: Object.entries(environment).flatMap(([name, value]) => (value === undefined || name === '' ? [] : [`${name}=${value}`])),
    directory: process.cwd(),
    umask,
    groups: process.getgroups?.() ?? [],
    stdio: isTerminal ? (process.stderr.isTTY ? 'terminal' : 'terminal-but-stderr') : 'pipes',
    limits: {
      ...(options['memory'] === undefined ? {} : { memoryBytes: parseBytes(options['memory']) }),
      ...(options['cpus'] === undefined ? {} : { cpus: parseNumber(options['cpus'], 'cpus') }),
    },
    niceness: options['nice'] === undefined ? 0 : parseNumber(options['nice'], 'nice'),
  }
}

function startOf(options: Options): { runOn?: number | 'auto' } {
  if (options['place'] !== undefined && options['place'] !== 'auto') throw new UsageError('--place knows only auto; --on names a node', 'mosrun -j auto COMMAND')
  if (options['on'] !== undefined) return { runOn: parseNode(options['on']) }
  return options['place'] === undefined ? {} : { runOn: 'auto' }
}

function lockOf(options: Options): 'none' | 'here' | 'home' {
  if (options['home'] === true) return 'home'
  return options['nomig'] === true && options['unlocked'] !== true ? 'here' : 'none'
}

function maskOf(options: Options): Mask {
  if (options['nodes'] !== undefined) return readMask(`allow:${String(options['nodes'])}`)
  const text = options['mask'] ?? process.env[MASK_VARIABLE]
  return text === undefined ? { rule: 'any' } : readMask(String(text))
}

function readMask(text: string): Mask {
  const mask = parseMask(text)
  if (mask !== undefined) return mask
  throw new UsageError(`a mask is any, allow:ID,… or deny:ID,…, not "${text}"`, 'mosrun --mask deny:2661 COMMAND')
}

function hintsOf(options: Options): Hints {
  const decay = options['decay']
  if (decay !== undefined && decay !== 'own' && decay !== 'none' && decay !== 'slow' && decay !== 'fast') throw new UsageError(`--decay is own, none, slow or fast, not "${String(decay)}"`, 'mosrun --decay slow COMMAND')
  const kind = options['cpujob'] === true ? 'cpu' : options['iojob'] === true ? 'io' : undefined
  return { ...(kind === undefined ? {} : { kind }), ...(decay === undefined ? {} : { decay }) }
}

/** A node's id as a decimal or 0x number. Throws UsageError. */
export function parseNode(text: string | boolean): number {
  const id = Number(text)
  if (typeof text === 'string' && /^(\d+|0x[0-9a-f]+)$/i.test(text) && id > 0 && id <= 0xffff) return id
  throw new UsageError(`"${String(text)}" is no node id`, 'plump nodes lists them')
}

/** `200M`, `1G`, `4096K` or bytes. Throws UsageError. */
export function parseBytes(text: string | boolean): number {
  const match = /^(\d+(?:\.\d+)?)([KMG]?)$/i.exec(String(text))
  if (match?.[1] === undefined) throw new UsageError(`"${String(text)}" is no amount of memory`, 'mosrun --memory 200M COMMAND')
  return Math.floor(Number(match[1]) * (UNITS[(match[2] ?? '').toUpperCase()] ?? 1))
}

function parseNumber(text: string | boolean, name: string): number {
  const value = Number(text)
  if (typeof text === 'string' && text !== '' && Number.isFinite(value)) return value
  throw new UsageError(`--${name} takes a number, not "${String(text)}"`, 'plump help run')
}
