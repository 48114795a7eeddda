import type { Loads } from '../schema/balance-api.ts'
import { DEFAULT_ADMIN_SETTINGS, type AdminSettings } from '../schema/admin-api.ts'
import type { FixedAddress } from '../schema/network.ts'
import type { Job } from '../schema/job.ts'
import { FULL_MEMBER, type PoolState } from '../schema/pool.ts'
import type { Lease, Member, NicReport, NodeId, Waiting } from '../schema/node-state.ts'
import type { Stage } from '../schema/stage-line.ts'

/** Everything the capabilities tell each other. Each key has one writer, named here; anyone may read or watch. */
export interface NodeState {
  /** nics */
  nics: readonly NicReport[]
  /** links: the interfaces that are to have addresses: cards of their own, bonds, VLANs. */
  links: readonly Link[]
  /** leases: one per address in use. */
  leases: readonly Lease[]
  /** firewall: whether the rules are loaded. */
  firewall: 'loading' | 'up' | 'failed'
  /** identity: set from the first usable address; afterwards changed by members alone (a clash of ids, another address to be reached at). */
  identity: Identity | undefined
  /** clock: what this node's clock is set by, and how far it was from it at the last look. */
  clock: ClockState | undefined
  /** discovery: addresses at which our DNS-SD service was heard, freshest first. */
  discovered: readonly DiscoveredNode[]
  /** members: this node included once Serf runs. */
  members: readonly Member[]
  /** mesh: peers are the members it is set up for; `answered` once a packet has come back from there. */
  mesh: MeshState
  /** mesh: this node's public key in it; undefined until it has begun. */
  meshKey: string | undefined
  /** mfs: whether this node serves its files and shows those of others below /mfs. */
  mfs: { state: 'down' | 'up' }
  /** balance: loads of this node and of all it heard of, once a second. */
  loads: Loads
  /** admin: what the administrator of this node has set about jobs. */
  admin: AdminSettings
  /** pool: whether this node takes part in balancing, and what it gives and takes. */
  pool: PoolState
  /** jobs: those whose home is this node, wherever they run, and the guests that run here. */
  jobs: readonly Job[]
  /** main: the last stage reached. */
  stage: Stage
  /** Each capability writes its own key (`leases`, `members`, …); undefined or absent = it waits for nothing. */
  waiting: Readonly<Record<string, Waiting | undefined>>
}

export interface Link {
  interface: string
  mac: string
  carrier: boolean
  /** From plump.yaml; without it the interface asks DHCP. */
  fixed?: FixedAddress
}

export interface ClockState {
  /** For people, as in `follows 10.0.0.1`. */
  source: string
  offsetMs: number
}

export interface Identity {
  id: NodeId
  address: string
  /** Host name, NAME-ID in hexadecimal as in `plump-0adc`. */
  name: string
}

export type MeshState =
  | { state: 'down' }
  | { state: 'up'; address: string; peers: readonly { id: NodeId; address: string; answered: boolean }[] }

export interface DiscoveredNode {
  address: string
  /** Whether it proved to hold the same cluster key; `stranger` nodes are only counted and told of on the console. */
  kind: 'same-cluster' | 'stranger'
  /** While the cluster key changes: what it announced is the one before. */
  withOldKey?: true
  lastHeardMs: number
}

type Listener<Key extends keyof NodeState> = (value: NodeState[Key], before: NodeState[Key]) => void

/** Holds {@link NodeState} and tells watchers of changes, synchronously and in the order they registered. */
export class StateStore {
  #state: NodeState = {
    nics: [], links: [], leases: [], firewall: 'loading', identity: undefined, clock: undefined, discovered: [], members: [],
    mesh: { state: 'down' }, meshKey: undefined, mfs: { state: 'down' }, admin: DEFAULT_ADMIN_SETTINGS, pool: FULL_MEMBER, loads: { ownLoad: 0, others: [] }, jobs: [], stage: 'root', waiting: {},
  }
  #listeners = new Map<keyof NodeState, Set<(value: never, before: never) => void>>()

  get<Key extends keyof NodeState>(key: Key): NodeState[Key] {
    return this.#state[key]
  }

  /** Sets one key; watchers are called only when its content (as JSON) differs from before. */
  set<Key extends keyof NodeState>(key: Key, value: NodeState[Key]): void {
    const before = this.#state[key]
    if (JSON.stringify(before) === JSON.stringify(value)) return
    this.#state = { ...this.#state, [key]: value }
    for (const listener of this.#listeners.get(key) ?? []) (listener as Listener<Key>)(value, before)
  }

  /** Says, or with undefined takes back, what the capability `owner` waits for. */
  setWaiting(owner: string, waiting: Waiting | undefined): void {
    this.set('waiting', { ...this.#state.waiting, [owner]: waiting })
  }

  /** Calls `listener` at every change of `key` from now on; gives the function that ends it. */
  watch<Key extends keyof NodeState>(key: Key, listener: Listener<Key>): () => void {
    const listeners = this.#listeners.get(key) ?? new Set()
    this.#listeners.set(key, listeners)
    listeners.add(listener as never)
    return () => void listeners.delete(listener as never)
  }
}
