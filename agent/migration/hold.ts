import { existsSync, writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

/**
 * Fault injection for tests of crashes: while a file of the phase's name is in this folder, which only root can make, a move stands still at that
 * phase on this node, so that a test can pull a plug there; PHASE.reached tells that it does.
 */
const HOLD_FOLDER = '/run/plump/hold-move'
const POLL_MS = 20

/**
 * source: `copying` after the rounds of pre-copy, `frozen` when all is dumped, `committing` before home is asked, `committed` when home has
 * spoken and nobody knows yet. target: `receiving` before the first page, `restored` when the job stands there, `taking-over` when it is its own and
 * does not run yet.
 */
export type Phase = 'copying' | 'frozen' | 'committing' | 'committed' | 'receiving' | 'restored' | 'taking-over'

export async function standStillAt(phase: Phase): Promise<void> {
  const file = `${HOLD_FOLDER}/${phase}`
  if (!existsSync(file)) return
  writeFileSync(`${file}.reached`, '')
  while (existsSync(file)) await pause(POLL_MS)
}
