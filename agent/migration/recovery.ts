import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Job } from '../../schema/job.ts'
import type { AgentContext } from '../capability.ts'
import { prepareCgroups } from '../jobs/cgroups.ts'
import type { HeldJob } from '../jobs/held-job.ts'
import type { Holder } from '../jobs/holder.ts'
import { namesIn } from '../os/files.ts'
import { releaseCarrier } from './carriers.ts'
import type { Copy } from './commit-machine.ts'
import type { Copies } from './copies.ts'
import { dropHeldDump } from './criu-process.ts'
import type { HomeLine } from './home-line.ts'
import { restoreEnded } from './file-locks.ts'
import { moveFolder, MOVES_FOLDER } from './images.ts'
import { releaseCriu } from './verdict.ts'

const MEMBERS_LIMIT_MS = 120_000
const MEMBERS_POLL_MS = 500

interface Parts {
  holder: Holder
  copies: Copies
  line: HomeLine
}

/**
 * After a start of the agent: settles what an agent before it left half moved, by what it wrote down. A copy that was on its way out resumes, or stays
 * frozen until home has told who has the job; one that was coming in is discarded, unless home has given it to this node already: then it runs.
 */
export async function recoverMoves(context: AgentContext, { holder, copies, line }: Parts): Promise<void> {
  const left = copies.all()
  const folders = namesIn(MOVES_FOLDER).map((name) => `${MOVES_FOLDER}/${name}`)
  if (left.length === 0 && folders.length === 0) return
  // The jobs' own take-over waits for these, too, and was first in the queue.
  await prepareCgroups()
  for (const folder of folders) {
    releaseCarrier(folder)
    dropHeldDump(folder)
  }
  const runningHere = new Set(left.flatMap(({ id, copy }) => (copy.at === 'running' ? [moveFolder(id, copy.epoch)] : [])))
  const undecided = new Set(left.flatMap(({ id, copy }) => (copy.at === 'stopped' ? [moveFolder(id, copy.next)] : [])))
  await Promise.all(folders.filter((folder) => !undecided.has(folder)).map((folder) => releaseCriu(folder, runningHere.has(folder) ? 'go' : 'no')))
  await Promise.all(left.map(async ({ id, copy }) => {
    const held = holder.jobs.find((job) => job.id === id)
    if (held) await settle(held, copy, { holder, copies, line }, context)
    else copies.forget(id)
  }))
  for (const job of holder.jobs) {
    for (const folder of folders) await restoreEnded(job.cgroup, folder)
    job.hasArrived()
  }
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
}

async function settle(held: HeldJob, copy: Copy, { holder, copies, line }: Parts, context: AgentContext): Promise<void> {
  const { job } = held.record
  const log = context.log.named('migration')
  switch (copy.at) {
    case 'none':
      return held.disown()
    case 'running':
      if (held.isArriving) takeOver(held, holder)
      return thaw(held)
    case 'stopped':
      return askHome(held, copy, { holder, copies, line })
    case 'receiving':
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

/** A copy that stands here, stopped: criu's hook still waits for the verdict, and only home has it. */
async function askHome(held: HeldJob, copy: Copy & { at: 'stopped' }, { holder, copies, line }: Parts): Promise<void> {
  const { job } = held.record
  await membersKnown(job, line)
  let now: Copy = copy
  while (now.at === 'stopped') {
    const messages = await line.insist(job, { type: 'ask', next: copy.next })
    if (!messages) now = copies.step(job, { type: 'home-failed' })
    for (const message of messages ?? []) now = copies.step(job, { type: 'message', from: job.home, message })
  }
  const isOurs = now.at === 'running'
  if (isOurs) takeOver(held, holder)
  await releaseCriu(moveFolder(job.id, copy.next), isOurs ? 'go' : 'no')
  if (isOurs) return
  held.disown()
  copies.forget(job.id)
}

/** It is this node's, and criu is about to let it go on. */
function takeOver(held: HeldJob, holder: Holder): void {
  held.goesOn()
  held.setLeaving(false)
  holder.link(held)
}

/** An agent that has just started knows no members; that does not mean that they are dead. */
async function membersKnown({ home }: Job, line: HomeLine): Promise<void> {
  for (let waitedMs = 0; waitedMs < MEMBERS_LIMIT_MS && line.isDead(home); waitedMs += MEMBERS_POLL_MS) await pause(MEMBERS_POLL_MS)
}

function thaw(held: HeldJob): void {
  const freezer = `${held.cgroup}/cgroup.freeze`
  if (existsSync(freezer)) writeFileSync(freezer, '0')
}
