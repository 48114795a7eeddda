import { setTimeout as pause } from 'node:timers/promises'
import type { Job, JobChange } from '../../schema/job.ts'
import type { JobRequest } from '../../schema/job-api.ts'
import type { JobControlRequest } from '../../schema/job-link.ts'
import type { NodeId } from '../../schema/node-state.ts'
import { NodeError } from '../api/node-error.ts'
import type { AgentContext, Capability } from '../capability.ts'
import { nowMs } from '../os/clock.ts'
import { paced } from '../os/paced.ts'
import { openLink } from './link.ts'
import type { Peers } from '../peers/peers.ts'
import { groupsOf, type Caller } from './caller.ts'
import { Holder } from './holder.ts'
import { Home } from './home.ts'
import type { HomeJob } from './home-job.ts'
import { serveJobSettings, type JobSettings } from './job-settings.ts'
import { listenForJobs, type JobClientRequest } from './job-socket.ts'
import { selectNode } from './names.ts'
import { sendLogs } from './logs.ts'
import { startPlaced, type PlaceJob } from './start-placed.ts'
import { CLAIMS_FOLDER, JOBS_SOCKET } from './places.ts'

/** Figures of jobs, for lists. */
const MEASURE_MS = 2_000
const MEASURE_CPU_SHARE = 1 / 50
/** Changes of jobs within this time become one change of the state. */
const STATE_PACE_MS = 100
/** How long a signal waits for a move to end, and how often it looks. */
const MOVE_LIMIT_MS = 120_000
const MOVE_LOOK_MS = 100

/** What other capabilities do with jobs; `holder` has those that run here, `home` the deputies of those whose home is here. */
export interface Jobs extends Capability {
  holder: Holder
  home: Home
  /** Changes what is said about a job, on its home or where it runs. Throws NodeError. */
  change(id: string, change: JobChange): Promise<Job>
}

/** Runs jobs: starts them here or elsewhere, keeps their deputies, and answers mosrun and the job verbs. */
export function startJobs(context: AgentContext, peers: Peers, place: PlaceJob): Jobs {
  const log = context.log.named('jobs')
  let pendingChange: NodeJS.Timeout | undefined
  const changed = (): void => {
    pendingChange ??= setTimeout(() => {
      pendingChange = undefined
      context.state.set('jobs', allJobs(holder, home))
    }, STATE_PACE_MS)
  }
  const holder: Holder = new Holder(context, { peers, changed, linkHere: (stream, id, epoch) => home.link(stream, id, epoch, context.state.get('identity')?.id ?? 0) })
  const home = new Home(context, { peers, changed })
  holder.serve()
  home.serve()
  const settings = serveJobSettings({ holder, home, peers, self: () => context.state.get('identity')?.id ?? 0 })

  const running: (() => void)[] = []
  const begin = (): void => {
    holder.takeOverRunning()
    home.takeOver()
    settleVanished(holder, home, context)
    const server = listenForJobs({ socket: JOBS_SOCKET, claims: CLAIMS_FOLDER }, (request) => serveRequest(context, { holder, home, peers, settings, place }, request), log)
    const endMeasuring = paced(() => {
      holder.measure()
      home.tidy()
    }, { everyMs: MEASURE_MS, cpuShare: MEASURE_CPU_SHARE })
    running.push(() => server.close(), endMeasuring, context.state.watch('members', (members) => {
      for (const member of members) {
        if (member.self || member.state === 'alive') continue
        holder.homeDied(member.id)
        home.holderDied(member.id)
      }
    }))
  }
  // A job's id has its home's in it: without an identity there are no jobs.
  const unwatch = context.state.get('identity') === undefined ? context.state.watch('identity', () => {
    unwatch()
    begin()
  }) : (begin(), () => undefined)

  return {
    holder,
    home,
    change: (id, change) => settings.change(id, change),
    stop() {
      unwatch()
      clearTimeout(pendingChange)
      for (const end of running) end()
      holder.stop()
    },
  }
}

/** Jobs of this home that ran here when the agent ended and do not any more. */
function settleVanished(holder: Holder, home: Home, context: AgentContext): void {
  const self = context.state.get('identity')?.id
  const held = new Set(holder.jobs.map(({ id }) => id))
  for (const job of home.jobs) {
    if (job.job.node === self && job.job.outcome === undefined && !held.has(job.job.id)) job.settle({ lost: 'it ended while the agent was away' })
  }
}

/** Every job of this home, and the guests. */
function allJobs(holder: Holder, home: Home): Job[] {
  const own = home.jobs.map(({ job }) => job)
  const guests = holder.jobs.map(({ record }) => record.job).filter((job) => !own.some(({ id }) => id === job.id))
  return [...own, ...guests.map((job) => {
    const figures = holder.figuresOf(job.id)
    if (figures === undefined) return job
    const { stopped, ...rest } = figures
    return { ...job, ...rest, state: stopped ? 'stopped' as const : 'running' as const }
  })]
}

interface Parts {
  holder: Holder
  home: Home
  peers: Peers
  settings: JobSettings
  place: PlaceJob
}

async function serveRequest(context: AgentContext, parts: Parts, { request, caller, socket, answer }: JobClientRequest): Promise<void> {
  const { holder, home } = parts
  switch (request.request) {
    case 'run': return runJob(parts, { request, caller, socket, answer })
    case 'list':
      answer(allJobs(holder, home))
      break
    case 'show':
      answer(visible(parts, request.job))
      break
    case 'attach': {
      const job = allowed(home.job(request.job), caller)
      answer(job.job)
      return joinClient(job, socket)
    }
    case 'wait': {
      const closed = new AbortController()
      socket.on('close', () => closed.abort())
      socket.resume()
      const outcome = await home.job(request.job).ended(closed.signal).catch(() => undefined)
      if (outcome !== undefined) answer(outcome)
      break
    }
    case 'logs': {
      const job = allowed(home.job(request.job), caller)
      answer(job.job)
      return sendLogs(job, socket, request.follow)
    }
    case 'signal':
    case 'renice':
      answer(await control(parts, request, caller, context.state.get('identity')?.id ?? 0))
      break
    case 'select': {
      const job = allowed(home.job(request.job), caller)
      selectNode(job.job.id, request.node)
      answer(job.job)
      break
    }
    case 'lock': {
      const job = allowed(home.job(request.job), caller)
      answer(await parts.settings.change(job.job.id, { lock: request.lock }))
      break
    }
  }
  socket.end()
}

async function runJob(parts: Parts, client: JobClientRequest): Promise<void> {
  const { home } = parts
  const { request, caller, socket, answer } = client
  if (request.request !== 'run') return
  if (request.spec.niceness < 0 && caller.uid !== 0) throw new NodeError('NOT_ALLOWED', 'only root may raise the priority of a job', 'give a niceness of 0 or more')
  const spec = { ...request.spec, uid: caller.uid, gid: caller.gid, groups: groupsOf(caller, request.spec.groups) }
  const job = await startPlaced(parts, spec, request.options)
  job.update({ state: 'running' })
  answer(job.job)
  if (!request.options.foreground) return void socket.end()
  joinClient(job, socket)
  // A foreground job is its mosrun's business alone: nothing of it stays when both have ended.
  socket.on('close', () => {
    if (job.job.outcome !== undefined) home.forget(job)
    else void job.ended(new AbortController().signal).then(() => home.forget(job))
  })
}

/** Joins the mosrun at the other end of a socket to its job. */
function joinClient(job: HomeJob, socket: JobClientRequest['socket']): void {
  const link = openLink(socket, {
    frame: (frame, sender) => job.fromClient(frame, sender),
    closed: (closed) => job.detachClient(closed),
  })
  job.attachClient(link)
}

/** Does something to a job, on whichever node it runs; guests here can be controlled, too. */
async function control({ holder, home, peers }: Parts, request: Extract<JobRequest, { request: 'signal' | 'renice' }>, caller: Caller, self: NodeId): Promise<Job> {
  const guest = holder.jobs.find(({ id, record }) => id === request.job && record.job.home !== self)
  const job = guest?.record.job ?? (await landed(allowed(home.job(request.job), caller))).job
  if (caller.uid !== 0 && caller.uid !== job.uid) throw notAllowed(job)
  if (request.request === 'renice' && caller.uid !== 0 && request.niceness < job.niceness) throw new NodeError('NOT_ALLOWED', 'only root may raise the priority of a job', 'give a higher number')
  if (job.outcome !== undefined) throw new NodeError('JOB_ENDED', `job ${job.id} has ended`, `see how with: plump job show ${job.id}`)
  const order: JobControlRequest = request.request === 'renice'
    ? { do: 'renice', job: job.id, niceness: request.niceness }
    : { do: 'signal', job: job.id, request: { signal: request.signal, to: request.to } }
  if (job.node === self || guest !== undefined) holder.control(order)
  else await peers.call(job.node, 'job-control', order)
  return job
}

/** What is said to a job on its way reaches neither the copy that is left nor the one that comes: waits until the move is over, within limits. */
async function landed(job: HomeJob): Promise<HomeJob> {
  const endMs = nowMs() + MOVE_LIMIT_MS
  while (job.job.state === 'migrating' && nowMs() < endMs) await pause(MOVE_LOOK_MS)
  return job
}

function visible({ holder, home }: Parts, name: string): Job {
  const guest = allJobs(holder, home).find(({ id }) => id === name)
  return guest ?? home.job(name).job
}

function allowed(job: HomeJob, caller: Caller): HomeJob {
  if (caller.uid === 0 || caller.uid === job.job.uid) return job
  throw notAllowed(job.job)
}

function notAllowed(job: Job): NodeError {
  return new NodeError('NOT_ALLOWED', `job ${job.id} is another user's`, 'ask its owner, or root')
}
