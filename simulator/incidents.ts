import type { ClusterRun } from './run.ts'
import type { Incident } from './scenario.ts'
import { freeKiB, go, halt, putOn, takeOff } from './world.ts'
import type { SimJob, SimNode } from './world.ts'

/** Serf needs about this long to tell that a node failed. */
const DETECTION_MS = 5_000

/** Lets happen to the cluster what the scenario says. */
export class Incidents {
  readonly #run: ClusterRun
  readonly #pending: Incident[]
  readonly #draw: () => number
  #noticed: { atMs: number; node: SimNode }[] = []

  constructor(run: ClusterRun, incidents: readonly Incident[], draw: () => number) {
    this.#run = run
    this.#pending = incidents.toSorted((a, b) => a.atSeconds - b.atSeconds)
    this.#draw = draw
  }

  due(): void {
    const run = this.#run
    for (let next = this.#pending[0]; next !== undefined && next.atSeconds * 1_000 <= run.nowMs; next = this.#pending[0]) {
      this.#pending.shift()
      this.#happen(next)
    }
    const noticed = this.#noticed.filter(({ atMs }) => atMs <= run.nowMs).map(({ node }) => node)
    if (noticed.length === 0) return
    this.#noticed = this.#noticed.filter(({ atMs }) => atMs > run.nowMs)
    run.members = run.members.filter((node) => !noticed.includes(node))
    const ids = new Set(run.members.map((node) => node.id))
    for (const node of run.members) node.balancer?.table.keepOnly((id) => ids.has(id))
  }

  #happen(incident: Incident): void {
    const run = this.#run
    if (incident.what === 'split') for (const node of run.nodes) node.side = node.index % 2
    else if (incident.what === 'heal') for (const node of run.nodes) node.side = 0
    else if (incident.what === 'join') {
      const count = Math.round(run.scenario.nodes * incident.share)
      for (let joined = 0; joined < count; joined++) run.addNode(this.#draw)
    } else for (const node of this.#some(incident.share)) this.#goes(node, incident.what)
  }

  #some(share: number): SimNode[] {
    const alive = this.#run.nodes.filter((node) => node.alive)
    const count = Math.round(alive.length * share)
    const chosen: SimNode[] = []
    while (chosen.length < count) chosen.push(...alive.splice(Math.floor(this.#draw() * alive.length), 1))
    return chosen
  }

  /** A node that leaves sends its guests home first; one that dies takes its jobs and, their home being gone, its guests elsewhere with it. */
  #goes(node: SimNode, how: 'crash' | 'leave'): void {
    const run = this.#run
    run.catchUp(node)
    if (how === 'leave') {
      for (const job of node.jobs.filter((each) => each.home !== node.index && each.state === 'runs')) {
        const home = run.nodes[job.home]
        if (home !== undefined && home.alive && freeKiB(home) >= job.rssKiB) this.#carryHome(job, node, home)
      }
    }
    for (const job of node.jobs.slice()) this.#lose(job, node)
    for (const job of Array.from(run.jobs).filter(({ home }) => home === node.index)) this.#lose(job, run.nodes[job.node] as SimNode)
    node.alive = false
    this.#noticed.push({ atMs: run.nowMs + (how === 'leave' ? 0 : DETECTION_MS), node })
  }

  #carryHome(job: SimJob, node: SimNode, home: SimNode): void {
    this.#run.catchUp(home)
    halt(node, job, 'frozen')
    takeOff(node, job)
    putOn(home, job)
    go(home, job)
    job.since = this.#run.nowMs
  }

  #lose(job: SimJob, node: SimNode): void {
    const run = this.#run
    run.catchUp(node)
    if (job.state === 'done') return
    if (job.state === 'runs') halt(node, job, 'lost')
    job.state = 'lost'
    takeOff(node, job)
    run.jobs.delete(job)
    run.metrics.lost()
  }
}
