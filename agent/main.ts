import { existsSync, readFileSync } from 'node:fs'
import { uptime } from 'node:os'
import { nodeJsonSchema, type NodeJson } from '../schema/node-json.ts'
import { formatWaitingLine } from '../schema/stage-line.ts'
import { startAdmin } from './admin/admin.ts'
import { startApi } from './api/api.ts'
import { startBalance } from './balance/balance.ts'
import { jobMover, nodeMask } from './balance/job-mover.ts'
import type { AgentContext, Capability } from './capability.ts'
import { startClock } from './clock/clock.ts'
import { startConsole } from './console/console.ts'
import { startDiscovery } from './discovery/discovery.ts'
import { startFirewall } from './firewall/firewall.ts'
import { startHpc } from './hpc/hpc.ts'
import { startIdentity } from './identity/identity.ts'
import { startJobs } from './jobs/jobs.ts'
import { addressAnswers, startLeases } from './leases/leases.ts'
import { startLinks } from './links/links.ts'
import { openLog } from './log.ts'
import { keyAnswers, submitClusterKey, waitForClusterKey } from './keys/cluster-key.ts'
import { KeyRing } from './keys/key-ring.ts'
import { startKeyRotation } from './keys/rotate.ts'
import { startMembers } from './members/members.ts'
import { startMigration } from './migration/migration.ts'
import { startMesh } from './mesh/mesh.ts'
import { startMfs } from './mfs/mfs.ts'
import { startNics } from './nics/nics.ts'
import { startPeers } from './peers/peers.ts'
import { netCheckAnswers } from './netcheck/net-check.ts'
import { nowMs } from './os/clock.ts'
import { kernelConsoles, writeToConsoles } from './os/consoles.ts'
import { readTextIfThere, writeAtomically } from './os/files.ts'
import { keepLogSmall } from './os/log-size.ts'
import { startPackagePrograms } from './packages/start-programs.ts'
import { startPool } from './pool/pool.ts'
import { startPower } from './power/power.ts'
import { startSsh } from './ssh/ssh.ts'
import { openStages } from './stages.ts'
import { StateStore } from './state.ts'
import { startWatch } from './watch/watch.ts'
import { startWifi } from './wifi/wifi.ts'

/** The story of a node, from the start of the agent to a member of the cluster. init starts it again if it ends (etc/inittab). */

const NODE_JSON = '/etc/plump/node.json'
const STAGE_MEMORY = '/run/plump/stages.json'
const API_SOCKET = '/run/plump/agent.sock'

function main(): void {
  const config = readConfig()
  const context = openContext(config)
  context.stage('agent', { version: config.version })

  const api = startApi(context, { socketPath: API_SOCKET })
  api.serve({ ...keyAnswers(submitClusterKey), ...netCheckAnswers(context, () => 0) })

  const leases = startLeases(context)
  api.serve(addressAnswers(leases.setAddress, () => context.state.get('leases')))
  const peers = startPeers(context)
  const watch = startWatch(context, peers)
  api.serve(watch.answers)
  const admin = startAdmin(context, peers)
  api.serve(admin.answers)
  const balance = startBalance(context, peers, { tell: watch.tell, setSpeed: (speed) => admin.change({ speed }) })
  api.serve(balance.answers)
  const jobs = startJobs(context, peers, ({ rssKiB, mask }) => {
    const nodes = nodeMask(mask)
    return balance.place({ rssKiB, ...(nodes === undefined ? {} : { mask: nodes }) })
  })
  const migration = startMigration(context, peers, jobs, balance)
  balance.connect(jobMover(context, jobs, migration))
  api.serve(migration.answers)
  admin.connect({ moveHome: (job, progress) => migration.orderMove(job, 'home', progress) })
  const pool = startPool(context, { sendHome: (word) => admin.sendHome(word, () => undefined), hasGuests: () => jobs.holder.hasGuests, otherLoad: balance.otherLoad })
  api.serve(pool.answers)
  const running: Capability[] = [
    startFirewall(context),
    startNics(context),
    startLinks(context),
    startWifi(context),
    leases,
    startIdentity(context),
    startConsole(context, { setAddress: leases.setAddress }),
    api,
    peers,
    watch,
    balance,
    pool,
    startPower(context),
    jobs,
    migration,
    startPackagePrograms(context),
    startSsh(context),
    startClock(context),
    { stop: keepLogSmall() },
  ]
  tellWhenReady(context)
  tellWhenJoined(context)
  stopOnSignals(context, running)
  endOnBugs(context)

  void waitForClusterKey(context).then((keys) => {
    context.keys = new KeyRing({ keys, periodMs: config.cluster.rotationHours * 3_600_000, nowMs })
    const rotation = startKeyRotation(context, context.keys, peers)
    api.serve(rotation.answers)
    const discovery = startDiscovery(context)
    // The mesh first: members tell its key.
    const mesh = startMesh(context)
    const members = startMembers(context)
    api.serve(members.answers)
    running.push(rotation, discovery, mesh, members, startMfs(context), startHpc(context, admin, jobs, migration))
    api.serve(netCheckAnswers(context, discovery.packetsHeard))
  })
}

function openContext(config: NodeJson): AgentContext {
  const state = new StateStore()
  const stage = openStages(state, {
    print: tell,
    uptimeSeconds: uptime,
    printedBefore: () => JSON.parse(readTextIfThere(STAGE_MEMORY) ?? '[]') as string[],
    remember: (printed) => writeAtomically(STAGE_MEMORY, JSON.stringify(printed)),
  })
  return { config, keys: undefined, state, log: openLog('agent'), stage, nowMs }
}

/** A line for people and tests: on every console and in the log. tty0, the screen, belongs to the status screen. */
function tell(line: string): void {
  openLog('agent').info(line)
  writeToConsoles(kernelConsoles().filter((name) => name !== 'tty0' && name !== 'tty1'), line)
}

/** Address, id, members, firewall and API work: the node can take part, alone or not. */
function tellWhenReady({ state, stage }: AgentContext): void {
  whenState(state, ['identity', 'members', 'firewall', 'waiting'], () => {
    const identity = state.get('identity')
    const member = state.get('members').some((each) => each.self && each.state === 'alive')
    if (!identity || !member || state.get('firewall') !== 'up' || state.get('waiting')['api'] || !existsSync(API_SOCKET)) return false
    stage('ready', { addr: identity.address, id: String(identity.id) })
    return true
  })
}

/** The first other member is there, and the mesh to one that is works. */
function tellWhenJoined({ state, stage }: AgentContext): void {
  whenState(state, ['members', 'stage', 'mesh'], () => {
    const alive = state.get('members').filter((member) => member.state === 'alive')
    const mesh = state.get('mesh')
    if (state.get('stage') !== 'ready' || alive.length < 2 || mesh.state !== 'up' || !mesh.peers.some((peer) => peer.answered)) return false
    stage('joined', { members: String(alive.length) })
    return true
  })
}

/** Tries `attempt` at every change of the keys until it succeeds. */
function whenState(state: StateStore, keys: readonly ('identity' | 'members' | 'firewall' | 'mesh' | 'stage' | 'waiting')[], attempt: () => boolean): void {
  let done = false
  for (const key of keys) {
    state.watch(key, () => {
      done ||= attempt()
    })
  }
}

/** The node's configuration; without it there is no node, so say so and let init try again. */
function readConfig(): NodeJson {
  try {
    return nodeJsonSchema.parse(JSON.parse(readFileSync(NODE_JSON, 'utf8')))
  } catch (error) {
    openLog('agent').warn(`${NODE_JSON}: ${error instanceof Error ? error.message : String(error)}`)
    tell(formatWaitingLine({ for: `a usable ${NODE_JSON}`, fix: 'boot an image built with ./plump build' }))
    process.exit(1)
  }
}

/** Ends timers and helpers; what serves the node (udhcpc, Serf, ssh) goes on. */
function stopOnSignals(context: AgentContext, running: readonly Capability[]): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      context.log.info(`the agent ends (${signal})`)
      for (const capability of running) capability.stop()
      process.exit(0)
    })
  }
}

/** A bug leaves its stack in the log, without the bundle's source line, and the agent starts anew: half a node is worse than none. */
function endOnBugs(context: AgentContext): void {
  process.on('uncaughtException', (error) => {
    context.log.warn(`bug: ${error.stack ?? error.message}`)
    process.exit(1)
  })
}

main()
