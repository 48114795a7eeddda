import type { Job, JobId } from '../../schema/job.ts'
import { homeAnswerSchema, homeCallSchema } from '../../schema/migration.ts'
import type * as z from 'zod'
import type { NodeId } from '../../schema/node-state.ts'
import { NodeError } from '../api/node-error.ts'
import type { Home } from '../jobs/home.ts'
import type { HomeJob } from '../jobs/home-job.ts'
import { maskAllows } from '../jobs/start-placed.ts'
import { readTextIfThere, writeAtomically } from '../os/files.ts'
import type { Peers } from '../peers/peers.ts'
import { homeStep, type HomeLog } from './epoch-log.ts'
import type { ToCopy, ToHome } from './commit-machine.ts'

/** The epoch logs of all jobs whose home is here: who holds them is in the job's record, what else the protocol needs lies beside it. */
export class HomeLogs {
  readonly #home: Pick<Home, 'find'>
  readonly #peers: Pick<Peers, 'answer' | 'call'>
  readonly #isDead: (node: NodeId) => boolean

  constructor(home: Pick<Home, 'find'>, peers: Pick<Peers, 'answer' | 'call'>, isDead: (node: NodeId) => boolean) {
    this.#home = home
    this.#peers = peers
    this.#isDead = isDead
  }

  /** Answers sources and targets. */
  serve(): void {
    this.#peers.answer('migrate-home', homeCallSchema, ({ job, message }, from) => Promise.resolve(this.take(job, from, message)))
  }

  /** One message to home; what it answers goes back, what it tells others is sent to them. Throws NodeError CANTMOVE. */
  take(id: JobId, from: NodeId, message: ToHome): z.output<typeof homeAnswerSchema> {
    const job = this.#home.find(id)
    if (job !== undefined && message.type === 'begin') refuseLocked(job.job, message.to)
    const { log, effects } = homeStep(job === undefined ? FORGOTTEN : this.#withoutDeadTarget(logOf(job)), { type: 'message', from, message })
    if (job !== undefined) record(job, log)
    const messages: ToCopy[] = []
    for (const effect of effects) {
      if (effect.do !== 'send') continue
      if (effect.to === from) messages.push(effect.message as ToCopy)
      else void this.#peers.call(effect.to, 'migrate-copy', { job: id, message: effect.message }).catch(() => undefined)
    }
    return homeAnswerSchema.parse({ messages })
  }

  /** Nothing is committed to a node that is dead. */
  #withoutDeadTarget(log: HomeLog): HomeLog {
    return log.move && this.#isDead(log.move.to) ? homeStep(log, { type: 'node-failed', node: log.move.to }).log : log
  }
}

/** A job that ended and whose user has gone: whoever still has a copy of it hears that it is nobody's. */
const FORGOTTEN: HomeLog = { epoch: 0, holder: 0, nextEpoch: 1, lost: 'it has ended' }

/** Throws NodeError CANTMOVE when the owner's wishes stand against it. */
function refuseLocked({ id, home, lock, mask }: Job, to: NodeId): void {
  if (to === home) return
  if (lock === 'home') throw new NodeError('CANTMOVE', `locked: job ${id} is to stay at its home`, `let it go with: plump job unlock ${id}`)
  if (!maskAllows(mask, to)) throw new NodeError('CANTMOVE', `locked: node ${to} is not among those that job ${id} may run on`, 'name another node, or start it with another --mask')
}

function logOf({ job, folder }: HomeJob): HomeLog {
  const kept = JSON.parse(readTextIfThere(`${folder}/epochs.json`) ?? '{}') as Partial<HomeLog>
  const { attempt, nextEpoch } = kept
  // With the job ends whatever move of it was under way, or the copy at its target would wait for a word for ever.
  const move = job.outcome === undefined ? kept.move : undefined
  return {
    epoch: job.epoch, holder: job.node, nextEpoch: nextEpoch ?? job.epoch + 1,
    ...(attempt === undefined ? {} : { attempt }), ...(move === undefined ? {} : { move }),
    ...(job.outcome === undefined ? {} : { lost: 'it has ended' }),
  }
}

/** First what must never be used twice, then the instant at which the job changes hands. */
function record(home: HomeJob, log: HomeLog): void {
  const { attempt, move, nextEpoch } = log
  writeAtomically(`${home.folder}/epochs.json`, JSON.stringify({ attempt, move, nextEpoch }), 0o600)
  if (log.epoch !== home.job.epoch) home.update({ epoch: log.epoch, node: log.holder, migrations: home.job.migrations + 1, state: 'running' })
  else if (log.lost !== undefined) home.settle({ lost: log.lost })
  else if (move !== undefined && (home.job.state === 'running' || home.job.state === 'stopped')) home.update({ state: 'migrating' })
  else if (move === undefined && home.job.state === 'migrating') home.update({ state: 'running' })
}
