import { Balancer } from '../agent/balance/balancer.ts'
import { decide } from '../agent/balance/decide.ts'
import type { GossipMessage } from '../agent/balance/gossip-table.ts'
import { seededRandom } from '../agent/balance/random.ts'
import type { DecisionInput, DecisionJob, Move } from '../schema/decision.ts'
import { greedyMove, greedyPlace } from './greedy.ts'
import { Incidents } from './incidents.ts'
import { checkWorld } from './invariants.ts'
import { Metrics } from './metrics.ts'
import type { Report } from './metrics.ts'
import { Moves } from './moves.ts'
import type { Scenario } from './scenario.ts'
import { drawArrivals } from './workload.ts'
import type { Arrival } from './workload.ts'
import { advance, freeKiB, go, localMs, momentOf, putOn, remainingOf } from './world.ts'
import type { SimJob, SimNode } from './world.ts'

/** none: a job stays where it starts; round-robin: nodes in turn, and there it stays; greedy: MOSIX's manner; ours: what the nodes run. */
export const POLICIES = ['none', 'round-robin', 'greedy', 'ours'] as const
export type Policy = (typeof POLICIES)[number]

/** Simulated time goes on in slots; each node has its own slot in every second. */
export const SLOT_MS = 50
const SLOTS_PER_SECOND = 1_000 / SLOT_MS
/** A start on another node takes this much longer. */
const STARTING_AWAY_SECONDS = 0.3
/** What is assumed of the memory of a job that has not run yet. */
const ASSUMED_KIB = 64 * 1024
/** Nodes that are asked before a job starts at home. */
const START_ATTEMPTS = 3
const FREE = { stay: false, lstay: false, quiet: false }
/** The farthest slot a datagram can arrive in. */
const WHEEL_SLOTS = 128

/** One cluster under one policy, from its start to its end. The same scenario and seed give the same report. */
export class ClusterRun {
  readonly scenario: Scenario
  readonly nodes: SimNode[] = []
  /** Jobs that are not over. */
  readonly jobs = new Set<SimJob>()
  readonly metrics: Metrics
  readonly random: () => number
  readonly moves: Moves
  nowMs = 0
  /** In standard CPUs, at the start. */
  readonly capacity: number
  readonly #seed: number
  readonly #policy: Policy
  readonly #incidents: Incidents
  readonly #arrivals: Iterator<Arrival, undefined>
  /**
   * The nodes by the slot of their second. Those of one slot are neighbours in memory, which for 10,000 nodes saves a twentieth of the run: it waits
   * for memory most of the time.
   */
  readonly #ticking: SimNode[][] = Array.from({ length: SLOTS_PER_SECOND }, () => [])
  readonly #wheel: { to: SimNode; message: GossipMessage }[][] = Array.from({ length: WHEEL_SLOTS }, () => [])
  #nextArrival: Arrival | undefined
  #arrived = 0
  #turn = 0
  /** Members as the nodes see them; a crash shows after some seconds. */
  members: SimNode[] = []

  constructor(scenario: Scenario, policy: Policy, seed: number) {
    this.scenario = scenario
    this.#policy = policy
    // Machines and jobs are drawn first and by generators of their own, so that all policies get the same.
    const drawMachines = seededRandom(seed)
    for (let index = 0; index < scenario.nodes; index++) this.#put(this.#newNode(index, drawMachines), Math.floor(index * SLOTS_PER_SECOND / scenario.nodes))
    this.members = [...this.nodes]
    this.capacity = this.nodes.reduce((sum, node) => sum + node.cpus * node.speed / 10_000, 0)
    this.#seed = seed
    this.#arrivals = this.arrivals()
    this.#nextArrival = this.#arrivals.next().value
    this.random = seededRandom(seed ^ 0xd1ce)
    for (const node of this.nodes) if (policy === 'greedy' || policy === 'ours') node.balancer = new Balancer(node.id, this.random)
    this.metrics = new Metrics(scenario.seconds)
    this.moves = new Moves(this)
    this.#incidents = new Incidents(this, scenario.incidents, seededRandom(seed ^ 0xbad))
  }

  /** The jobs that come, from the first on: the same under every policy. */
  arrivals(): Generator<Arrival, undefined> {
    return drawArrivals(this.scenario.workload, this.capacity, this.scenario.seconds * 1_000, seededRandom(this.#seed ^ 0x5eed))
  }

  run(onSecond?: (second: number) => void): Report {
    const slots = this.scenario.seconds * SLOTS_PER_SECOND
    for (let slot = 0; slot < slots; slot++) {
      this.nowMs = slot * SLOT_MS
      this.#incidents.due()
      this.#startJobs()
      this.#deliver(slot)
      this.moves.due()
      for (const node of this.#ticking[slot % SLOTS_PER_SECOND] ?? []) this.#tick(node, slot)
      if (slot % SLOTS_PER_SECOND === SLOTS_PER_SECOND - 1) {
        checkWorld(this)
        this.metrics.second(this.nodes, this.nowMs)
        onSecond?.((slot + 1) / SLOTS_PER_SECOND)
      }
    }
    this.nowMs = this.scenario.seconds * 1_000
    for (const node of this.nodes) this.catchUp(node)
    return this.metrics.report(this.jobs, (job) => remainingOf(this.nodes[job.node] as SimNode, job), this.nowMs)
  }

  /** Brings a node up to this moment. */
  catchUp(node: SimNode): void {
    advance(node, this.nowMs, (job, atMs) => {
      this.jobs.delete(job)
      this.metrics.finished(job, atMs)
    })
  }

  canTalk(a: SimNode, b: SimNode): boolean {
    return a.alive && b.alive && a.side === b.side
  }

  addNode(draw: () => number): SimNode {
    const node = this.#newNode(this.nodes.length, draw)
    node.advancedMs = this.nowMs
    if (this.#policy === 'greedy' || this.#policy === 'ours') node.balancer = new Balancer(node.id, this.random)
    this.#put(node, node.index % SLOTS_PER_SECOND)
    this.members.push(node)
    return node
  }

  #put(node: SimNode, slot: number): void {
    this.nodes.push(node)
    this.#ticking[slot]?.push(node)
  }

  #newNode(index: number, draw: () => number): SimNode {
    const { speeds, cpus, memoriesMiB, clockDrift } = this.scenario
    const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(draw() * items.length)] as Item
    return {
      index, id: index + 1, cpus: pick(cpus), speed: pick(speeds), memoryTotalKiB: pick(memoriesMiB) * 1024,
      alive: true, clockOffsetMs: draw() * 1e9, clockRate: 1 + (draw() * 2 - 1) * clockDrift, side: 0,
      jobs: [], running: 0, served: 0, nextEnd: Infinity, usedKiB: 128 * 1024, arrivingKiB: 0, leaving: false, arriving: false, advancedMs: 0, balancer: undefined,
    }
  }

  #startJobs(): void {
    const { homeShare } = this.scenario.workload
    for (let arrival = this.#nextArrival; arrival !== undefined && arrival.atMs <= this.nowMs; arrival = this.#nextArrival = this.#arrivals.next().value) {
      const home = this.#policy === 'round-robin' ? this.#nextInTurn() : this.#userAt(arrival.homeDraw * homeShare)
      if (home === undefined) return
      const job: SimJob = {
        id: String(this.#arrived++), home: home.index, demandSeconds: arrival.demandSeconds, remaining: arrival.demandSeconds, endsAt: 0, rssKiB: arrival.rssKiB,
        bornMs: arrival.atMs, node: home.index, since: this.nowMs, lastFreezeMs: 0, moves: 0, leftNode: -1, leftMs: 0, state: 'frozen',
      }
      const node = this.#startingNode(home, job)
      this.catchUp(node)
      if (node !== home) job.remaining += STARTING_AWAY_SECONDS * node.speed / 10_000
      putOn(node, job)
      go(node, job)
      this.jobs.add(job)
      this.metrics.started(node !== home)
    }
  }

  /** A living node at the place `draw` (0 to 1) among the members: users do not sit at dead machines. */
  #userAt(draw: number): SimNode | undefined {
    const { length } = this.members
    for (let step = 0; step < length; step++) {
      const node = this.members[(Math.floor(draw * length) + step) % length]
      if (node?.alive === true) return node
    }
    return undefined
  }

  #nextInTurn(): SimNode | undefined {
    return this.#userAt((this.#turn++ % this.members.length) / this.members.length)
  }

  /** Where a job starts: balancing nodes choose (`mosrun -j auto`), the job's memory not being known yet; the chosen one may refuse. */
  #startingNode(home: SimNode, job: SimJob): SimNode {
    const { balancer } = home
    if (balancer === undefined) return home
    this.catchUp(home)
    const nowHere = localMs(home, this.nowMs)
    const unknown = { id: job.id, rssKiB: ASSUMED_KIB, cpuClass: 1 }
    for (let attempt = 0; attempt < START_ATTEMPTS; attempt++) {
      const request = this.#policy === 'greedy'
        ? greedyPlace(balancer, unknown, momentOf(home), this.members.length, nowHere)
        : balancer.place(unknown, momentOf(home), FREE, this.members.length, nowHere)
      const target = request === undefined ? undefined : this.nodes[request.target - 1]
      if (request === undefined || target?.balancer === undefined || !this.canTalk(home, target)) return home
      this.catchUp(target)
      const answer = target.balancer.asked(request, momentOf(target), localMs(target, this.nowMs))
      if (answer.granted) {
        balancer.startedAt(target.id, request.load)
        target.balancer.started(job.id)
        return target
      }
      balancer.learned(target.id, answer.load)
    }
    return home
  }

  #deliver(slot: number): void {
    const due = this.#wheel[slot % WHEEL_SLOTS]
    if (due === undefined) return
    for (const { to, message } of due) if (to.alive) to.balancer?.heard(message, localMs(to, this.nowMs))
    due.length = 0
  }

  /** A node's second: measure, tell one other, decide. */
  #tick(node: SimNode, slot: number): void {
    if (!node.alive) return
    this.catchUp(node)
    const { balancer } = node
    if (balancer === undefined) return
    balancer.measured({
      cpus: node.cpus, speed: node.speed, runnable: node.running, jobs: node.jobs.length, memoryTotalKiB: node.memoryTotalKiB, memoryFreeKiB: freeKiB(node), swapOutKiBps: 0, memoryStallShare: 0,
      utilisation: Math.min(100, Math.round(node.running / node.cpus * 100)), gives: true, takes: true, cpuClass: 1,
    })
    const now = localMs(node, this.nowMs)
    this.#gossip(node, balancer.message(now), slot)
    if (!node.leaving && node.jobs.length > 0) this.#decide(node, balancer, now)
  }

  #gossip(from: SimNode, message: GossipMessage | undefined, slot: number): void {
    const to = this.members[Math.floor(this.random() * this.members.length)]
    if (message === undefined || to === undefined || to === from) return
    if (!this.canTalk(from, to) || this.random() < this.scenario.network.loss) return
    const slots = 1 + Math.floor(this.random() * this.scenario.network.delayMs / SLOT_MS)
    this.#wheel[(slot + Math.min(WHEEL_SLOTS - 1, slots)) % WHEEL_SLOTS]?.push({ to, message })
  }

  #decide(node: SimNode, balancer: Balancer, now: number): void {
    // Many nodes have nothing to gain, and that is known without looking at a job.
    if (this.#policy === 'ours' && !balancer.mayMove(now)) return
    let resident = false
    for (const job of node.jobs) resident ||= job.state === 'runs' && this.nowMs - job.since >= 10_000 / node.clockRate
    if (!resident) return
    const jobs: DecisionJob[] = []
    for (const job of node.jobs) if (job.state === 'runs') jobs.push(this.#view(job, node))
    const input = balancer.input(jobs, FREE, this.members.length, now)
    if (input === undefined) return
    const move = this.#choose(input)
    if (move !== undefined) this.moves.begin(node, balancer, move, input)
  }

  #choose(input: DecisionInput): Move | undefined {
    return this.#policy === 'greedy' ? greedyMove(input) : decide(input).move
  }

  #view(job: SimJob, node: SimNode): DecisionJob {
    return {
      id: job.id, home: (this.nodes[job.home] as SimNode).id, runnable: 1, rssKiB: job.rssKiB, ageMs: (this.nowMs - job.bornMs) * node.clockRate,
      residentMs: (this.nowMs - job.since) * node.clockRate, cameFrom: job.leftNode < 0 ? undefined : job.leftNode + 1, lastFreezeMs: job.lastFreezeMs, locked: false, cpuClass: 1,
    }
  }
}
