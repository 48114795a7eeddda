import type { Job } from '../../schema/job.ts'
import { SIGNALS, type Signal } from '../../schema/job-signals.ts'
import { formatNodeId } from '../api/describe.ts'
import { openLink } from '../jobs/link.ts'
import { describeOutcome, exitCodeOf } from '../jobs/outcome.ts'
import { askJobs, openJobs } from './job-client.ts'
import { parseJob } from './job-name.ts'
import { JobOutput } from './job-output.ts'
import { parseNode } from './run.ts'
import { formatTable } from './table.ts'
import { UsageError } from './usage-error.ts'
import { EXIT, jsonOption } from './verb.ts'
import type { Verb } from './verb.ts'

const MTOP_PAUSE_MS = 2_000
const CLEAR_SCREEN = '\x1b[H\x1b[J'

export const job: Verb = {
  name: 'job',
  usage: 'ls | show JOB | kill JOB [SIGNAL] | stop JOB | cont JOB | renice JOB NICENESS | lock JOB | unlock JOB | select JOB NODE [--json]',
  summary: 'list jobs, look at one, send it signals, lock it where it is',
  details: [
    'Jobs are those whose home is this node, wherever they run, and the guests that run here. JOB is an id as plump job ls shows it, or on its home its number alone.',
    'kill sends SIGTERM, or the SIGNAL named, to the command; stop and cont concern all its processes. lock keeps a job where it is. select says which node its /mfs/selected is.',
  ].join('\n'),
  options: { json: jsonOption },
  wordsLimit: 3,
  async run({ options, words, print }) {
    const [action = 'ls', name = '', argument] = words
    const show = (result: Job | readonly Job[], text: string): void => print(options['json'] === true ? JSON.stringify(result, null, 2) : text)
    if (action === 'ls') {
      const jobs = await askJobs({ request: 'list' })
      return show(jobs, formatJobs(jobs))
    }
    if (name === '') throw new UsageError(`plump job ${action} needs a JOB`, 'plump job ls lists them')
    const done = await change(action, parseJob(name), argument)
    show(done, [formatJobs([done]), ...(done.cantmove && action === 'show' ? [`cannot move: ${done.cantmove.sentence}`] : [])].join('\n'))
  },
}

export const logs: Verb = {
  name: 'logs',
  usage: 'JOB [-f]',
  summary: 'what a background job wrote',
  details: 'Prints the kept output of a background job, its stdout to stdout and its stderr to stderr. The last 4 to 8 MiB are kept.',
  options: { follow: { type: 'boolean', short: 'f', help: 'go on until the job ends' } },
  wordsLimit: 1,
  async run({ options, words: [name] }) {
    if (name === undefined) throw new UsageError('plump logs needs a JOB', 'plump job ls lists them')
    const { socket } = await openJobs({ request: 'logs', job: parseJob(name), follow: options['follow'] === true })
    // `plump logs JOB | head` ends the reader before us: that is not an error.
    const [stdout, stderr] = [process.stdout, process.stderr].map((stream) => new JobOutput(stream, () => process.exit(EXIT.done))) as [JobOutput, JobOutput]
    await new Promise<void>((resolve) => {
      openLink(socket, {
        frame: () => undefined,
        output: ({ stream, bytes }) => (stream === 2 ? stderr : stdout).write(bytes, () => undefined),
        closed: () => resolve(),
      })
    })
  },
}

export const wait: Verb = {
  name: 'wait',
  usage: 'JOB',
  summary: 'wait until a background job ends; its exit code is yours',
  details: 'Exits with the job\'s exit code, 128 and the signal\'s number when a signal ended it, or 255 when it was lost with its node.',
  options: {},
  wordsLimit: 1,
  async run({ words: [name] }) {
    if (name === undefined) throw new UsageError('plump wait needs a JOB', 'plump job ls lists them')
    return exitCodeOf(await askJobs({ request: 'wait', job: parseJob(name) }, 0))
  },
}

export const mps: Verb = {
  name: 'mps',
  usage: '[--json]',
  summary: 'ps for jobs: with the node each runs on and why it cannot move',
  details: 'Lists the running jobs whose home is this node, and the guests that run here.',
  options: { json: jsonOption },
  wordsLimit: 0,
  async run({ options, print }) {
    const jobs = (await askJobs({ request: 'list' })).filter(({ outcome }) => outcome === undefined)
    print(options['json'] === true ? JSON.stringify(jobs, null, 2) : formatJobs(jobs))
  },
}

export const mtop: Verb = {
  name: 'mtop',
  usage: '',
  summary: 'the same list again and again, the busiest first; Ctrl-C ends it',
  details: 'Shows the running jobs every 2 seconds; into a pipe or a file one list after the other.',
  options: {},
  wordsLimit: 0,
  async run({ print }) {
    const before = new Map<string, number>()
    for (;;) {
      const jobs = (await askJobs({ request: 'list' })).filter(({ outcome }) => outcome === undefined)
      const busy = (each: Job): number => each.cpuSeconds - (before.get(each.id) ?? each.cpuSeconds)
      const sorted = jobs.toSorted((a, b) => busy(b) - busy(a))
      print(`${process.stdout.isTTY ? CLEAR_SCREEN : ''}${formatJobs(sorted)}`)
      for (const each of jobs) before.set(each.id, each.cpuSeconds)
      await new Promise((resolve) => setTimeout(resolve, MTOP_PAUSE_MS))
    }
  },
}

function change(action: string, name: string, argument: string | undefined): Promise<Job> {
  switch (action) {
    case 'show': return askJobs({ request: 'show', job: name })
    case 'kill': return askJobs({ request: 'signal', job: name, signal: parseSignal(argument ?? 'TERM'), to: argument !== undefined && /^(SIG)?KILL$|^9$/i.test(argument) ? 'all' : 'main' })
    case 'stop': return askJobs({ request: 'signal', job: name, signal: 'SIGSTOP', to: 'all' })
    case 'cont': return askJobs({ request: 'signal', job: name, signal: 'SIGCONT', to: 'all' })
    case 'lock': return askJobs({ request: 'lock', job: name, lock: 'here' })
    case 'unlock': return askJobs({ request: 'lock', job: name, lock: 'none' })
    case 'select': return askJobs({ request: 'select', job: name, node: parseNode(argument ?? '') })
    case 'renice': {
      const niceness = Number(argument)
      if (argument === undefined || !Number.isInteger(niceness)) throw new UsageError('plump job renice needs a NICENESS', 'plump job renice JOB 10')
      return askJobs({ request: 'renice', job: name, niceness })
    }
    default: throw new UsageError(`plump job does not know "${action}"`, 'plump help job')
  }
}

/** `TERM`, `SIGTERM`; a number is none, as numbers differ between machines. Throws UsageError. */
function parseSignal(text: string): Signal {
  const name = `SIG${text.toUpperCase().replace(/^SIG/, '')}`
  const signal = SIGNALS.find((each) => each === name || (text === '9' && each === 'SIGKILL'))
  if (signal === undefined) throw new UsageError(`"${text}" is no signal that can be sent to a job`, `one of ${SIGNALS.map((each) => each.slice(3)).join(' ')}`)
  return signal
}

/** The table of `mps` and `plump job ls`. */
export function formatJobs(jobs: readonly Job[]): string {
  if (jobs.length === 0) return 'no jobs'
  return formatTable(['JOB', 'USER', 'NODE', 'STATE', 'CPU', 'MEMORY', 'LOCK', 'CANTMOVE', 'COMMAND'], jobs.map((each) => [
    each.id, String(each.uid), each.node === each.home ? 'home' : formatNodeId(each.node),
    each.outcome === undefined ? each.state : describeOutcome(each.outcome),
    `${each.cpuSeconds.toFixed(1)}s`, `${Math.round(each.memoryBytes / 1024 / 1024)}M`,
    each.lock === 'none' ? '-' : each.lock, each.cantmove?.code ?? '-', each.command.join(' ').slice(0, 80),
  ]))
}
