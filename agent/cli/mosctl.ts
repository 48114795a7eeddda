import type { AdminSettings, Homecoming, NodeFigures } from '../../schema/admin-api.ts'
import type { Member } from '../../schema/node-state.ts'
import { formatNodeId } from '../api/describe.ts'
import { NodeError } from '../api/node-error.ts'
import { ask, follow } from './agent-client.ts'
import { findMember } from './find-member.ts'
import { byYard, tune, TUNING_DETAILS, TUNING_WORDS } from './mosctl-tuning.ts'
import { UsageError } from './usage-error.ts'
import { EXIT, jsonOption } from './verb.ts'
import type { Verb, VerbInput } from './verb.ts'

/** The seed's words that set something (openMosix HOWTO, table 8-6), and what they set. */
const SETTING_WORDS: Readonly<Record<string, Partial<AdminSettings>>> = {
  stay: { stay: true }, nostay: { stay: false }, lstay: { lstay: true }, nolstay: { lstay: false },
  block: { block: true }, noblock: { block: false }, quiet: { quiet: true }, noquiet: { quiet: false },
}

/** The words that ask a node for one figure. Memory is told in bytes and load in hundredths, as the seed did. */
const FIGURE_WORDS: Readonly<Record<string, (figures: NodeFigures) => number>> = {
  getload: (figures) => Math.round(figures.load * 100),
  getspeed: (figures) => figures.speed,
  getmem: (figures) => figures.memoryAvailableKiB * 1_024,
  getfree: (figures) => figures.memoryFreeKiB * 1_024,
  getutil: (figures) => figures.utilisation,
}

export const mosctl: Verb = {
  name: 'mosctl',
  usage: 'WORD [NODE|NUMBER] [--json]',
  summary: 'set what this node gives and takes, and ask about nodes, in the words of openMosix',
  details: [
    'stay, nostay        no job leaves this node by itself',
    'lstay, nolstay      jobs whose home this is stay here; guests may move on',
    'block, noblock      no guest comes here',
    'quiet, noquiet      this node tells no load and asks for none',
    'bring               all jobs whose home this is come back',
    'expel               all guests here go home',
    'setspeed NUMBER     the speed of one CPU, 10000 being the standard; 0: as measured',
    ...TUNING_DETAILS,
    'status [NODE]       settings and figures of a node',
    'getload, getspeed, getmem, getfree, getutil [NODE]',
    '                    one figure: load in hundredths, speed, memory that programs can have and that is free (bytes), percent of CPU used',
    'isup NODE           whether the node is alive; exit code 1 when it is not',
    'whois NODE          id, name and addresses of a node',
    'NODE is an id (2780 or 0x0adc), a name or an address; left out, it is this node.',
  ].join('\n'),
  options: { json: jsonOption },
  wordsLimit: 4,
  async run(input) {
    const [word = '', argument] = input.words
    const change = SETTING_WORDS[word] ?? (word === 'setspeed' ? { speed: readSpeed(argument) } : undefined)
    if (change) return tell(input, await ask(input.socketPath, 'admin', { change }), formatSettings)
    if (TUNING_WORDS.includes(word)) {
      const { result, text } = await tune(input.socketPath, input.words)
      return tell(input, result, () => text)
    }
    if (word === 'mfs') return tell(input, { mfs: true }, () => 'the files of the nodes are below /mfs, always')
    if (word === 'nomfs') throw new NodeError('ALWAYS_ON', 'nomfs: /mfs cannot be taken away, because jobs find the files of their home through it', 'mosctl block keeps guests away from this node, mosctl lstay its own jobs at home')
    if (word === 'bring' || word === 'expel') return sendHome(input, word)
    const figure = FIGURE_WORDS[word]
    if (!figure && !['status', 'isup', 'whois'].includes(word)) throw new UsageError(`mosctl has no word "${word}"`, 'plump help mosctl')
    const member = findMember(await ask(input.socketPath, 'nodes'), argument)
    if (word === 'whois') return tell(input, member, formatMember)
    if (word === 'isup') return isUp(input, member)
    const figures = await ask(input.socketPath, 'figures', { node: member.id })
    if (figure) tell(input, byYard(word, figure(figures), await ask(input.socketPath, 'admin')), String)
    else tell(input, figures, formatFigures)
  },
}

function tell<Result>({ options, print }: VerbInput, result: Result, format: (result: Result) => string): void {
  print(options['json'] === true ? JSON.stringify(result, null, 2) : format(result))
}

/** Exit code 1 when a job stays where it is. */
async function sendHome(input: VerbInput, word: 'bring' | 'expel'): Promise<number> {
  let staying = 0
  await follow(input.socketPath, 'homecoming', { word }, (result) => {
    if ('progress' in result) return void process.stderr.write(`${result.progress}\n`)
    staying = result.report.staying.length
    tell(input, result.report, formatHomecoming)
  })
  return staying === 0 ? EXIT.done : EXIT.failed
}

function formatHomecoming({ moved, staying }: Homecoming): string {
  const came = moved.length === 0 ? 'no job came home' : `at home: ${moved.join(' ')}`
  return [came, ...staying.map(({ job, code, why }) => `stays: ${job} ${code}: ${why}`)].join('\n')
}

function isUp(input: VerbInput, member: Member): void {
  const up = member.state === 'alive'
  tell(input, { id: member.id, up }, () => (up ? 'yes' : 'no'))
  if (!up) throw new NodeError('NODE_DOWN', `${member.name} is not alive: ${member.state}`, 'see plump nodes; look at the machine')
}

function readSpeed(text: string | undefined): number | null {
  const speed = text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (!(speed <= 100_000_000)) throw new UsageError('setspeed takes a whole number up to 100000000', 'mosctl setspeed 10000')
  return speed === 0 ? null : speed
}

function formatSettings(settings: AdminSettings): string {
  const words = (['stay', 'lstay', 'block', 'quiet'] as const).map((name) => (settings[name] ? name : `no${name}`))
  return [...words, settings.speed === null ? 'speed as measured' : `speed ${settings.speed}`].join(' ')
}

function formatMember(member: Member): string {
  return `${member.id} ${formatNodeId(member.id)} ${member.name} ${member.addresses.join(' ')}`
}

function formatFigures(figures: NodeFigures): string {
  return [
    `Node      ${figures.id} (${formatNodeId(figures.id)})`,
    `Settings  ${formatSettings(figures.settings)}`,
    `CPUs      ${figures.cpus} of speed ${figures.speed}, ${figures.utilisation} % used, load ${figures.load.toFixed(2)}`,
    `Memory    ${Math.round(figures.memoryAvailableKiB / 1_024)} of ${Math.round(figures.memoryTotalKiB / 1_024)} MiB for programs, ${Math.round(figures.memoryFreeKiB / 1_024)} free`,
  ].join('\n')
}
