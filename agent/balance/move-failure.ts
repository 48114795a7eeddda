import { NodeError } from '../api/node-error.ts'

/**
 * What a failed move says: the job has ended; the target cannot take it just now, or not this one; the job cannot be moved as it is, wherever to; or
 * something is wrong with the target or the way there.
 */
export type MoveFailure = 'ended' | 'refused' | 'cantmove' | 'failed'

const CODES: Readonly<Record<string, MoveFailure>> = {
  JOB_ENDED: 'ended', NO_JOB: 'ended', BUSY: 'refused', NOT_GRANTED: 'refused', HOME_UNREACHABLE: 'refused', BLOCKED: 'refused', CANTMOVE: 'cantmove',
}

/** Reasons of CANTMOVE that are the target's: another one may take the job. */
const OF_TARGET = /^(?:cpu|memory): /

export function whatFailed(error: unknown): MoveFailure {
  if (!(error instanceof NodeError)) return 'failed'
  const failure = CODES[error.code] ?? 'failed'
  return failure === 'cantmove' && OF_TARGET.test(error.message) ? 'refused' : failure
}
