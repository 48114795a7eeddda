import { STANDARD_SPEED } from '../../schema/load.ts'

/**
 * The opportunity cost of a node (Amir, Awerbuch, Barak, Borgstrom, Keren: An Opportunity Cost Approach for Job Assignment in a
 * Scalable Computing Cluster, IEEE TPDS 11(7), 2000): each resource is turned into one currency by an exponential of its use, so that
 * memory and CPU can be weighed against each other, and the last free piece of either is dear:
 *
 *   cost = B^(memory used / memory) + capacity · B^(load / L)
 *
 * B is the number of nodes, within limits; L the smallest power of two above the largest load seen. The factor `capacity` (in standard
 * CPUs) is ours: without it, a slow node is left far emptier than its speed deserves (docs/decisions/0041).
 */
export interface CostScale {
  /** ln B, so that B^x is exp(x · lnB). */
  lnB: number
  L: number
}

/** With fewer nodes than this the curve would be so flat that 5 jobs beside 3 stay as they are: see docs/decisions/0041. */
const BASE_AT_LEAST = 32
const BASE_AT_MOST = 64

export function costScale(clusterSize: number, largestLoad: number): CostScale {
  let power = 1
  while (power <= largestLoad && power < 0x1_0000) power *= 2
  return { lnB: Math.log(Math.min(BASE_AT_MOST, Math.max(BASE_AT_LEAST, clusterSize))), L: power }
}

/** The scale for one node and those its jobs could go to. */
export function costScaleAmong({ clusterSize, own }: { clusterSize: number; own: { load: number } }, targets: readonly { load: number }[]): CostScale {
  let largest = own.load
  for (const { load } of targets) if (load > largest) largest = load
  return costScale(clusterSize, largest)
}

export interface CostedNode {
  load: number
  cpus: number
  speed: number
  memoryTotalKiB: number
  memoryFreeKiB: number
}

/** What a job adds to a node, or takes off it. */
export interface Demand {
  runnable: number
  rssKiB: number
}

/** What the node's cost rises by when the job comes. */
export function marginalCost(scale: CostScale, node: CostedNode, job: Demand): number {
  const { lnB, L } = scale
  const addedLoad = job.runnable * STANDARD_SPEED / (node.cpus * node.speed)
  const usedShare = 1 - share(node.memoryFreeKiB, node.memoryTotalKiB)
  const capacity = node.cpus * node.speed / STANDARD_SPEED
  return capacity * Math.exp(lnB * node.load / L) * (Math.exp(lnB * addedLoad / L) - 1)
    + Math.exp(lnB * usedShare) * (Math.exp(lnB * share(job.rssKiB, node.memoryTotalKiB)) - 1)
}

/** The node whose cost rises least when the job comes; undefined when there is none. */
export function cheapest<Node extends CostedNode>(scale: CostScale, nodes: readonly Node[], job: Demand): Node | undefined {
  let best: Node | undefined
  let bestCost = Infinity
  for (const node of nodes) {
    const cost = marginalCost(scale, node, job)
    if (cost >= bestCost) continue
    best = node
    bestCost = cost
  }
  return best
}

/** What the node's cost falls by when the job goes; the job is in the node's figures. */
export function savedCost(scale: CostScale, node: CostedNode, job: Demand): number {
  const without: CostedNode = { ...node, load: loadWithout(node, job), memoryFreeKiB: Math.min(node.memoryTotalKiB, node.memoryFreeKiB + job.rssKiB) }
  const leaving: Demand = { runnable: (node.load - without.load) * node.cpus * node.speed / STANDARD_SPEED, rssKiB: without.memoryFreeKiB - node.memoryFreeKiB }
  return marginalCost(scale, without, leaving)
}

export function loadWithout(node: CostedNode, job: Demand): number {
  return Math.max(0, node.load - job.runnable * STANDARD_SPEED / (node.cpus * node.speed))
}

export function loadWith(node: CostedNode, job: Demand): number {
  return node.load + job.runnable * STANDARD_SPEED / (node.cpus * node.speed)
}

/**
 * The speed at which one process of a job runs on a node whose load, the job included, is `load`; in standard CPUs. A CPU to itself gives the
 * CPU's speed, and no more: free CPUs beside it are of no use to it.
 */
export function processSpeed(node: Pick<CostedNode, 'speed'>, load: number): number {
  const alone = node.speed / STANDARD_SPEED
  return load <= 1 / alone ? alone : 1 / load
}

/** The speed at which one process more would run on a node, as far as its figures tell; 0 where it takes no guests. */
export function paceOf(node: CostedNode & { takes: boolean }): number {
  return node.takes ? processSpeed(node, loadWith(node, { runnable: 1, rssKiB: 0 })) : 0
}

function share(part: number, whole: number): number {
  return whole <= 0 ? 0 : part / whole
}
