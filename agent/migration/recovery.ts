import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Job } from '../../schema/job.ts'
import type { AgentContext } from '../capability.ts'
import { prepareCgroups } from '../jobs/cgroups.ts'
import type { HeldJob } from '../jobs/held-job.ts'
import type { Holder } from '../jobs/holder.ts'
import { namesIn } from '../os/files.ts'
import type { Copy } from './commit-machine.ts'
import type { Copies } from './copies.ts'
import type { HomeLine } from './home-line.ts'
import { moveFolder, MOVES_FOLDER } from './images.ts'
import { releaseCriu } from './verdict.ts'

const MEMBERS_LIMIT_MS = 120_000
const MEMBERS_POLL_MS = 500

/**
 * After a start of the agent: settles what an agent before it left half moved, by what it wrote down. A copy that was on its way out resumes, or stays
 * frozen until home has told who has the job; one that was coming in is discarded, since criu's hook gave it up with the agent it waited for.
 */
export async function recoverMoves(context: AgentContext, { holder, copies, line }: { holder: Holder; copies: Copies; line: HomeLine }): Promise<void> {
  const left = copies.all()
  const folders = namesIn(MOVES_FOLDER).map((name) => `${MOVES_FOLDER}/${name}`)
  if (left.length === 0 && folders.length === 0) return
  // The jobs' own take-over waits for these, too, and was first in the queue.
  await prepareCgroups()
  const runningHere = new Set(left.flatMap(({ id, copy }) => (copy.at === 'running' ? [moveFolder(id, copy.epoch)] : [])))
  await Promise.all(folders.map((folder) => releaseCriu(folder, runningHere.has(folder) ? 'go' : 'no')))
  for (const { id, copy } of left) {
    const held = holder.jobs.find((job) => job.id === id)
    if (held) await settle(held, copy, { copies, line }, context)
    else copies.forget(id)
  }
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
}

async function settle(held: HeldJob, copy: Copy, { copies, line }: { copies: Copies; line: HomeLine }, context: AgentContext): Promise<void> {
  const { job } = held.record
  const log = context.log.named('migration')
  switch (copy.at) {
    case 'none':
      return held.disown()
    case 'running':
      return thaw(held)
    case 'receiving':
    case 'stopped':
      held.disown()
      log.warn(`job ${job.id} was coming here when the agent ended: its copy is discarded`)
      await membersKnown(job, line)
      // While home has not committed, this takes the move back and the source goes on; if it has, the job is lost, which home is to know.
      if (await line.insist(job, { type: 'withdraw', epoch: copy.next, next: copy.next })) await line.say(job, { type: 'absent', epoch: copy.next }).catch(() => [])
      return copies.forget(job.id)
    case 'asking':
    case 'moving':
    case 'withdrawing':
    case 'committing': break
  }
  let now = copies.step(job, { type: 'recovered' })
  log.warn(`job ${job.id} was leaving when the agent ended: it was ${copy.at}, is ${now.at}`)
  if (now.at !== 'committing') thaw(held)
  await membersKnown(job, line)
  while (now.at === 'committing' || now.at === 'withdrawing') {
    const messages = await line.insist(job, { type: now.at === 'committing' ? 'commit' : 'withdraw', epoch: now.epoch, next: now.next })
    if (!messages) now = copies.step(job, { type: 'home-failed' })
    for (const message of messages ?? []) now = copies.step(job, { type: 'message', from: job.home, message })
  }
  if (now.at === 'none') held.disown()
  else thaw(held)
}

/** An agent that has just started knows no members; that does not mean that they are dead. */
async function membersKnown({ home }: Job, line: HomeLine): Promise<void> {
  for (let waitedMs = 0; waitedMs < MEMBERS_LIMIT_MS && line.isDead(home); waitedMs += MEMBERS_POLL_MS) await pause(MEMBERS_POLL_MS)
}

function thaw(held: HeldJob): void {
  const freezer = `${held.cgroup}/cgroup.freeze`
  if (existsSync(freezer)) writeFileSync(freezer, '0')
}
