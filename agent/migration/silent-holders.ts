import type { Job, JobId } from '../../schema/job.ts'
import type { Home } from '../jobs/home.ts'
import type { Holder } from '../jobs/holder.ts'
import { nowMs } from '../os/clock.ts'
import type { Peers } from '../peers/peers.ts'
import { copyStep, isToHome, type Copy } from './commit-machine.ts'
import type { Copies } from './copies.ts'
import type { HomeLine } from './home-line.ts'

/** A link that breaks is there again within seconds, when both nodes live. */
const SILENT_MS = 60_000
const LOOK_MS = 10_000

interface Parts {
  home: Home
  holder: Holder
  copies: Copies
  line: HomeLine
  peers: Peers
}

/**
 * Home asks the holder of a job that it has not heard of for a while whether it still has it. One that took home for dead has ended the job, and home, which
 * saw nothing, would show it as running for ever (docs/decisions/0036-commit-protocol.md). Gives how to stop.
 */
export function askSilentHolders(parts: Parts): () => void {
  const asking = new Set<JobId>()
  const timer = setInterval(() => {
    for (const { job, silentSinceMs } of parts.home.jobs) {
      if (job.outcome !== undefined || silentSinceMs === undefined || nowMs() - silentSinceMs < SILENT_MS || asking.has(job.id)) continue
      asking.add(job.id)
      void ask(job, parts).catch(() => undefined).finally(() => asking.delete(job.id))
    }
  }, LOOK_MS)
  return () => clearInterval(timer)
}

async function ask({ id, home, node, epoch }: Job, parts: Parts): Promise<void> {
  if (node === parts.line.self) return answerCheck({ id, home }, epoch, parts)
  await parts.peers.call(node, 'migrate-copy', { job: id, message: { type: 'check', epoch } })
}

/** A home names this node as the holder of its job: says whether that is so, and ends what is here under another number. */
export async function answerCheck(job: Pick<Job, 'id' | 'home'>, epoch: number, { holder, copies, line }: Omit<Parts, 'home' | 'peers'>): Promise<void> {
  const held = holder.jobs.find(({ id }) => id === job.id)
  const { effects } = copyStep(partOf(copies.get(job.id), held?.record.job.epoch), { type: 'message', from: job.home, message: { type: 'check', epoch } }, job.home)
  for (const effect of effects) {
    if (effect.do !== 'send' || !isToHome(effect.message)) continue
    const answers = await line.say(job, effect.message)
    if (answers.some(({ type }) => type === 'stale')) held?.disown()
  }
}

/** What is written down of a job that is not here, as of one that has ended, is no part in it, unless it was on its way. */
function partOf(copy: Copy | undefined, heldEpoch: number | undefined): Copy {
  if (heldEpoch !== undefined) return copy ?? { at: 'running', epoch: heldEpoch }
  return copy === undefined || copy.at === 'running' ? { at: 'none' } : copy
}
