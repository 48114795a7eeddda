import { randomBytes } from 'node:crypto'
import type { AgentContext, Capability } from '../capability.ts'
import type { StaticMembers } from '../../schema/admin-api.ts'
import type { NodeId } from '../../schema/node-state.ts'
import type { ApiAnswers } from '../api/answers.ts'
import { NodeError } from '../api/node-error.ts'
import { nodeName } from '../identity/node-id.ts'
import { ownNameServers } from '../leases/resolv-conf.ts'
import { chooseAddress, isOn } from './address-choice.ts'
import { settleId } from './id-clash.ts'
import type { KeyRing } from '../keys/key-ring.ts'
import { nodePaths, type MemberPaths } from './paths.ts'
import { Joiner } from './joiner.ts'
import { claimsOfOthers, memberTable } from './member-table.ts'
import { ensureKeyring, isOurKeyring } from './serf-keyring.ts'
import { serfNodeName } from './serf-name.ts'
import { Rejoin } from './rejoin.ts'
import { newSelf, restoreSelf, tagsOf, type Self } from './self.ts'
import { serfConfig, type SerfConfig } from './serf-config.ts'
import type { SerfMember, SerfRpc } from './serf-rpc.ts'
import { readSerfConfig, SerfService } from './serf-service.ts'
import { idByMap, StaticMemberFile } from './static-members.ts'

/** How often the list is asked for even if serf tells of no change, and whom to join is looked at. */
const REFRESH_MS = 10_000
const REJOIN_CHECK_MS = 500
/** Events come in bursts; one look serves all of a burst. */
const REFRESH_GAP_MS = 100
/** A DHCP client that renews takes its address away and brings it back; only when it stays away is another chosen. */
const ADDRESS_GONE_MS = 3_000

export interface Members extends Capability {
  answers: Pick<ApiAnswers, 'set-map'>
}

/**
 * Makes this node a member: has serf run under the node's `identity`, joins whom discovery hears, and writes `members`. It changes `identity` when
 * an older member has its id, or when another address is the one to be known by. The mesh's key must be in state `meshKey`. `context.keys` must be known; throws when they are not.
 */
export function startMembers(context: AgentContext, paths: MemberPaths = nodePaths()): Members {
  if (!context.keys) throw new Error('members needs the cluster key; wait for it with waitForClusterKey()')
  const membership = new Membership(context, context.keys, paths)
  membership.start()
  return { answers: { 'set-map': ({ members }, send) => send(membership.setMap(members)) }, stop: () => membership.stop() }
}

class Membership {
  readonly #context: AgentContext
  readonly #keys: KeyRing
  readonly #paths: MemberPaths
  readonly #service: SerfService
  readonly #rejoin: Rejoin
  readonly #joiner: Joiner
  readonly #staticMembers: StaticMemberFile
  readonly #stops: (() => void)[] = []
  #self: Self | undefined
  /** The address in use at which a neighbour was heard, if one was. */
  #metAt: string | undefined
  #config: SerfConfig | undefined
  #rpc: SerfRpc | undefined
  #refreshTimer: NodeJS.Timeout | undefined
  #addressTimer: NodeJS.Timeout | undefined

  constructor(context: AgentContext, keys: KeyRing, paths: MemberPaths) {
    const log = context.log.named('members')
    this.#context = context
    this.#keys = keys
    this.#paths = paths
    this.#rejoin = new Rejoin(context.config.cluster.seeds)
    this.#staticMembers = new StaticMemberFile(paths.staticFile)
    this.#rejoin.name(this.#staticMembers.read().flatMap(({ addresses }) => addresses))
    this.#joiner = new Joiner(this.#rejoin, log, () => context.nowMs())
    this.#service = new SerfService(paths, {
      connected: (rpc) => this.#connected(rpc),
      lost: () => {
        this.#rpc = undefined
      },
      silent: (isSilent) => context.state.setWaiting('members', isSilent
        ? { for: 'the membership service (serf), which does not answer', fix: 'see plump log; init starts it again and again' }
        : undefined),
    }, log)
  }

  start(): void {
    const { state } = this.#context
    this.#stops.push(
      state.watch('identity', () => this.#followAddress()),
      state.watch('leases', () => this.#followAddress()),
      state.watch('meshKey', () => this.#followAddress()),
      state.watch('discovered', () => {
        this.#followAddress()
        this.#joinDue()
      }),
      every(REJOIN_CHECK_MS, () => this.#joinDue()),
      every(REFRESH_MS, () => this.#refreshSoon()),
      () => clearTimeout(this.#refreshTimer),
      () => clearTimeout(this.#addressTimer),
      () => this.#service.stop(),
    )
    this.#followAddress()
  }

  stop(): void {
    for (const stop of this.#stops) stop()
  }

  /** Takes members that somebody names: they are joined as long as they are none, and this node takes the id they have for it. Throws NodeError. */
  setMap(members: StaticMembers): { ownId: NodeId; members: StaticMembers } {
    const { state } = this.#context
    const identity = state.get('identity')
    if (!identity || !this.#self) throw new NodeError('NO_NODE_ID', 'this node has no id yet, because it has no address', 'plump status tells what it waits for')
    const ownId = members.length === 0 ? identity.id : idByMap(members, { id: identity.id, leases: state.get('leases'), jobs: state.get('jobs') })
    this.#staticMembers.write(members)
    this.#rejoin.name(members.flatMap(({ addresses }) => addresses))
    if (ownId !== identity.id) this.#take(this.#self, ownId, identity.address)
    this.#joinDue()
    return { ownId, members }
  }

  /** Sees to it that the address in use is the right one, without haste when members may still be met at the one that went. */
  #followAddress(): void {
    const { state } = this.#context
    const identity = state.get('identity')
    const isGone = !state.get('leases').some((lease) => lease.address === identity?.address)
    if (isGone && this.#company().length > 0) {
      this.#addressTimer ??= setTimeout(() => this.#chooseAddress(), ADDRESS_GONE_MS)
    } else this.#chooseAddress()
  }

  #chooseAddress(): void {
    clearTimeout(this.#addressTimer)
    this.#addressTimer = undefined
    const { state } = this.#context
    const identity = state.get('identity')
    if (!identity) return
    const leases = state.get('leases')
    const neighbours = state.get('discovered').filter((node) => node.kind === 'same-cluster').map((node) => node.address)
    const inUse = leases.find((lease) => lease.address === identity.address)
    if (inUse && neighbours.some((address) => isOn(inUse, address))) this.#metAt = identity.address
    const lease = chooseAddress({ leases, current: identity.address, neighbours, company: this.#company(), metHere: this.#metAt === identity.address })
    if (!lease) return
    this.#self ??= restoreSelf(readSerfConfig(this.#paths.configFile), isOurKeyring(this.#paths.keyringFile, this.#keys)) ?? newSelf(lease, Date.now(), this.#paths.sysNetFolder)
    this.#take(this.#self, identity.id, lease.address)
  }

  /** Makes `id` at `address` this node's identity and has serf show it. */
  #take(self: Self, id: NodeId, address: string): void {
    const name = nodeName(this.#context.config.name, id)
    const leases = this.#context.state.get('leases')
    const config = serfConfig({
      machine: self.machine,
      address,
      keyringFile: this.#paths.keyringFile,
      tags: tagsOf(self, id, name, this.#context.state.get('meshKey') ?? '', leases, ownNameServers(leases, this.#context.config.network.dns)),
      snapshotFile: this.#paths.snapshotFile,
      rpcKey: this.#config?.advertise === address ? this.#config.rpc_auth : randomBytes(18).toString('base64url'),
    })
    if (JSON.stringify(config) === JSON.stringify(this.#config)) return
    // A serf under another name is on its way; the one that runs is not to be asked for anything any more.
    if (config.node_name !== this.#config?.node_name) this.#rpc = undefined
    this.#config = config
    ensureKeyring(this.#paths.keyringFile, this.#paths.configFile, this.#keys)
    this.#service.want(config)
    this.#context.state.set('identity', { id, address, name })
  }

  /** Addresses of the other live members. */
  #company(): string[] {
    return this.#context.state.get('members').flatMap((member) => member.state === 'alive' && !member.self ? member.addresses : [])
  }

  #connected(rpc: SerfRpc): void {
    this.#rpc = rpc
    this.#startWatching(rpc).catch((error: unknown) => {
      this.#context.log.named('members').warn(String(error))
      rpc.close()
    })
  }

  async #startWatching(rpc: SerfRpc): Promise<void> {
    // A serf that was running when the agent was restarted may have missed a change of tags.
    if (this.#config) await rpc.setTags(this.#config.tags)
    await rpc.watchMembers(() => this.#refreshSoon())
    await this.#refresh(rpc)
    this.#joinDue()
  }

  #refreshSoon(): void {
    if (!this.#rpc) return
    this.#refreshTimer ??= setTimeout(() => {
      this.#refreshTimer = undefined
      const rpc = this.#rpc
      if (rpc) this.#refresh(rpc).catch((error: unknown) => this.#context.log.named('members').warn(String(error)))
    }, REFRESH_GAP_MS)
  }

  async #refresh(rpc: SerfRpc): Promise<void> {
    const serfMembers = await rpc.members()
    const identity = this.#context.state.get('identity')
    if (!this.#self || !identity || rpc !== this.#rpc) return
    const serfName = serfNodeName(this.#self.machine, identity.address)
    const members = memberTable(serfMembers, serfName)
    this.#context.state.set('members', members)
    this.#rejoin.noteAlive(this.#company(), this.#context.nowMs())
    this.#followAddress()
    this.#settleId(serfMembers, serfName, identity.id)
  }

  #settleId(serfMembers: readonly SerfMember[], serfName: string, id: NodeId): void {
    const identity = this.#context.state.get('identity')
    if (!this.#self || !identity) return
    const others = claimsOfOthers(serfMembers, serfName)
    const settled = settleId({ serfName, id, born: this.#self.born }, others.alive, others.away)
    if (settled === id) return
    this.#context.log.named('members').info(`id ${id} is an older member's; this node takes ${settled}`)
    this.#take(this.#self, settled, identity.address)
  }

  #joinDue(): void {
    const { state } = this.#context
    // Before the first list is had, those who are members already would be taken for strangers.
    if (!this.#rpc || state.get('members').length === 0) return
    const present = new Set([
      ...state.get('members').flatMap((member) => member.state === 'alive' ? member.addresses : []),
      ...state.get('leases').map((lease) => lease.address),
    ])
    const discovered = state.get('discovered').filter((node) => !node.withOldKey || this.#keys.takesOld)
    this.#joiner.joinDue({ discovered, present }, this.#service.rpcKey, () => this.#refreshSoon())
  }
}

function every(intervalMs: number, action: () => void): () => void {
  const timer = setInterval(action, intervalMs)
  return () => clearInterval(timer)
}
