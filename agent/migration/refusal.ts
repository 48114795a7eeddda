import { CANTMOVE, type CantMove, type CantMoveCode } from '../../schema/cantmove.ts'
import type { Cantmove } from '../../schema/job.ts'
import { NodeError } from '../api/node-error.ts'

const DETAIL_LIMIT_CHARS = 300

/** Why a job cannot move, as its users see it: the code, which is stable, and a sentence. */
export function toCantmove({ code, detail, pid }: CantMove): Cantmove {
  const about = [detail.slice(0, DETAIL_LIMIT_CHARS), ...(pid === undefined ? [] : [`process ${pid}`])].filter((text) => text !== '').join(', ')
  return { code, sentence: about === '' ? CANTMOVE[code] : `${CANTMOVE[code]} (${about})` }
}

/** The error for whoever wanted to move it. */
export function refusal(reason: CantMove): NodeError {
  const { code, sentence } = toCantmove(reason)
  return new NodeError('CANTMOVE', `${code}: ${sentence}`, FIXES[reason.code] ?? 'the job goes on where it is; docs/guide/jobs.md has what cannot move')
}

const FIXES: Partial<Record<CantMoveCode, string>> = {
  'cpu': 'try another node',
  'memory': 'try another node',
  'tcp': 'the job goes on where it is; try again when the connection is closed',
  'traced': 'the job goes on where it is; try again when the debugger has let go',
}

/** What criu says when it cannot dump a job, by what stands in its words; the first that fits. Messages of CRIU 4.1.1. */
const WORDS: readonly [RegExp, CantMoveCode][] = [
  [/io_uring/, 'io_uring'],
  [/tcp-established|Connected TCP/i, 'tcp'],
  [/Unseizable|ptrace.*(?:not permitted|EPERM)/i, 'traced'],
  [/ghost file .* of \d+ size/, 'deleted-file'],
  [/file lock/i, 'foreign-lock'],
  [/external (?:stream|dgram|socket)|unix.*(?:external|half|peer)|Unsupported (?:proto|socket|family)|unknown (?:proto|family)|socket/i, 'socket'],
  [/of that type|chr dev|char(?:acter)? dev|unsupported (?:chr|device)/i, 'device'],
  [/FS mnt|lookup mount|mnt: /, 'mount'],
  [/namespace/i, 'namespace'],
]

/** The reason in the log of a criu that could not dump a job. */
export function reasonInLog(log: string): CantMove {
  const errors = log.split('\n').flatMap((line) => /Error \([^)]*\): (.*)/.exec(line)?.[1] ?? [])
  const known = errors.flatMap((text) => WORDS.flatMap(([words, code]) => (words.test(text) ? [{ code, detail: text }] : [])))[0]
  return known ?? { code: 'other', detail: errors[0] ?? 'criu gave no reason' }
}

/** Whether criu failed because the target did not take its pages, which says nothing about the job. */
export function couldNotSend(log: string): boolean {
  return /Error [^\n]*(?:page-xfer|page server|Broken pipe|Connection (?:reset|timed out)|No route to host)/i.test(log)
}
