import type { AdminSettings } from '../../schema/admin-api.ts'
import type { Loads } from '../../schema/balance-api.ts'
import { NodeError } from '../api/node-error.ts'
import { ask } from './agent-client.ts'
import { findMember } from './find-member.ts'
import { UsageError } from './usage-error.ts'

type MoveCost = NonNullable<Loads['moves']>

/** Of schema/load.ts, which would load zod. */
const STANDARD_SPEED = 10_000

/** The seed's words for how load and the cost of moves are counted (openMosix HOWTO, table 8-6). */
export const TUNING_WORDS: readonly string[] = ['setyard', 'getyard', 'setdecay', 'getdecay', 'gettune']

export const TUNING_DETAILS = [
  'setyard NODE|NUMBER|this',
  '                    the CPU that mosctl counts as one of 10000 when it tells speeds and loads; 10000: the standard CPU',
  'getyard             the speed of that CPU',
  'setdecay SECONDS [SLOW FAST]',
  '                    what is left of a job\'s past after so many seconds, in thousandths, where it fades slowly and where fast (975 and 926)',
  'getdecay            those three figures',
  'gettune             what a move from this node costs, by those of late: milliseconds for any, and KiB sent a second',
]

/** Does what a tuning word says; gives the figures that are about it, as they are then, and as a text. */
export async function tune(socketPath: string, [word = '', ...words]: readonly string[]): Promise<{ result: AdminSettings | MoveCost; text: string }> {
  if (word === 'gettune') return tellMoveCost(socketPath)
  const change: Partial<AdminSettings> = word === 'setyard' ? { yard: await readYard(socketPath, words[0]) } : word === 'setdecay' ? { decay: await readDecay(socketPath, words) } : {}
  const settings = await ask(socketPath, 'admin', { change })
  const { intervalSeconds, slow, fast } = settings.decay
  return { result: settings, text: word.endsWith('yard') ? String(settings.yard) : `${intervalSeconds} ${slow} ${fast}` }
}

async function tellMoveCost(socketPath: string): Promise<{ result: MoveCost; text: string }> {
  const { moves } = await ask(socketPath, 'loads')
  if (!moves) throw new NodeError('NOT_YET', 'this node does not balance yet', 'try again when plump status says ready')
  const result = { overheadMs: Math.round(moves.overheadMs), transferKiBps: Math.round(moves.transferKiBps) }
  return { result, text: `${result.overheadMs} ${result.transferKiBps}` }
}

/** Speeds and loads as they are by the yardstick. */
export function byYard(word: string, value: number, { yard }: AdminSettings): number {
  if (word === 'getspeed') return Math.round(value * STANDARD_SPEED / yard)
  return word === 'getload' ? Math.round(value * yard / STANDARD_SPEED) : value
}

async function readYard(socketPath: string, text: string | undefined): Promise<number> {
  const number = text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined
  const members = await ask(socketPath, 'nodes')
  const isNode = text === 'this' || members.some(({ id, name, addresses }) => id === number || name === text || addresses.includes(text ?? ''))
  if (!isNode && number !== undefined && number > 0) return number
  if (text === undefined) throw new UsageError('setyard takes a speed, a node or "this"', 'mosctl setyard this')
  return (await ask(socketPath, 'figures', { node: findMember(members, text === 'this' ? undefined : text).id })).speed
}

async function readDecay(socketPath: string, words: readonly string[]): Promise<AdminSettings['decay']> {
  const [interval, slow, fast] = words.map((word) => (/^\d{1,3}$/.test(word) ? Number(word) : Number.NaN))
  const { decay: before } = await ask(socketPath, 'admin')
  const decay = { intervalSeconds: interval ?? Number.NaN, slow: slow ?? before.slow, fast: fast ?? before.fast }
  const isSound = decay.intervalSeconds >= 1 && decay.intervalSeconds <= 600 && [decay.slow, decay.fast].every((part) => part >= 1 && part <= 999)
  if (isSound) return decay
  throw new UsageError('setdecay takes seconds up to 600, then what is left where it fades slowly and fast, in thousandths from 1 to 999', 'mosctl setdecay 1 975 926')
}
