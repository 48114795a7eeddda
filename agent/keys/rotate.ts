import { keyStatusSchema, rotationAnswerSchema, rotationCallSchema, type KeyStatus, type RotationAnswer, type RotationCall } from '../../schema/key-api.ts'
import type { Member } from '../../schema/node-state.ts'
import type { ApiAnswers } from '../api/answers.ts'
import { NodeError } from '../api/node-error.ts'
import type { AgentContext, Capability } from '../capability.ts'
import { fingerprintOf } from '../discovery/fingerprint.ts'
import { gossipKeyOf, SERF_RPC } from '../members/serf-config.ts'
import { heldKeys } from '../members/serf-keyring.ts'
import { connectSerf } from '../members/serf-rpc.ts'
import { readSerfConfig } from '../members/serf-service.ts'
import type { Peers } from '../peers/peers.ts'
import type { KeyRing } from './key-ring.ts'
import { readKeyText } from './key-text.ts'
import { keyringSteps, spokenAlone, spokenIn, untilNextPhaseMs } from './rotation.ts'

const CHANNEL = 'cluster-key'
const SERF_JSON = '/run/plump/serf/serf.json'
const ROUND_MS = 1_000
/** How long a node that has just got an address listens for the newest key before it takes the old one. */
const LISTEN_MS = 3_000
const CALL_LIMIT_MS = 5_000
const CALLS_AT_ONCE = 16
/** A member that should have changed the keys and has not is not waited for any longer. */
const LEADER_GRACE_MS = 10_000
/** How long a node that hears nobody keeps to one key: a few attempts at its seeds. */
const ALONE_CHANGE_MS = 30_000
/** Starts that differ by less are the same: the telling takes time. */
const SAME_START_MS = 1_000

export interface KeyRotation extends Capability {
  answers: Pick<ApiAnswers, 'submit-key' | 'key-status'>
}

/**
 * Carries the cluster from its old key to the newest, by the rules of rotation.ts. The member with the lowest id tells all others of the new key, through
 * the mesh, and has Serf change its keyrings; whoever knows more tells that member. Does nothing while there is one key only.
 */
export function startKeyRotation(context: AgentContext, keys: KeyRing, peers: Pick<Peers, 'call' | 'answer'>): KeyRotation {
  const rotation = new Rotation(context, keys, peers)
  peers.answer(CHANNEL, rotationCallSchema, (call) => Promise.resolve(rotation.told(call)))
  const timer = setInterval(() => rotation.round(), ROUND_MS)
  return {
    answers: {
      'key-status': (_, send) => send(statusOf(keys, context.nowMs())),
      'submit-key': ({ text }, send) => {
        beginByHand(keys, text)
        context.log.named('cluster-key').info('a new cluster key was given; it spreads among the members')
        send({ accepted: true })
      },
    },
    stop: () => clearInterval(timer),
  }
}

class Rotation {
  readonly #context: AgentContext
  readonly #keys: KeyRing
  readonly #peers: Pick<Peers, 'call'>
  /** Start and period that each member was told, by its id and its key of this boot. */
  readonly #told = new Map<string, { startMs: number | undefined; periodMs: number }>()
  #working = false
  #behindSinceMs: number | undefined
  #aloneSinceMs: number | undefined
  #trouble = ''

  constructor(context: AgentContext, keys: KeyRing, peers: Pick<Peers, 'call'>) {
    this.#context = context
    this.#keys = keys
    this.#peers = peers
  }

  round(): void {
    if (this.#keys.old === undefined || this.#working) return
    this.#working = true
    this.#step().catch((error: unknown) => this.#tellOnce(error instanceof Error ? error.message : String(error))).finally(() => {
      this.#working = false
    })
  }

  /** Another member tells of a rotation. Throws NodeError when it is not the one under way here. */
  told(call: RotationCall): RotationAnswer {
    const [newest, old] = [call.newest, call.old].map((text) => new Uint8Array(Buffer.from(text, 'base64')))
    if (!newest || !old) throw new NodeError('BAD_REQUEST', 'a rotation needs two keys', 'boot all nodes from images of one version')
    const other = { startMs: call.ageMs === null ? undefined : this.#context.nowMs() - call.ageMs, periodMs: call.periodMs }
    if (this.#keys.old === undefined) {
      if (same(this.#keys.newest, newest)) return { state: 'over' }
      if (!same(this.#keys.newest, old)) throw new NodeError('OTHER_KEY', 'this node has another cluster key', 'boot all nodes from one ISO')
      this.#log.info('the cluster key changes: a member told of the new one')
      this.#keys.begin(newest, other)
    } else if (!same(this.#keys.newest, newest) || !same(this.#keys.old, old)) {
      throw new NodeError('OTHER_ROTATION', 'the cluster key is changing to another one already', 'let one rotation end before the next: plump key status')
    }
    this.#keys.met(other)
    return { state: 'rotating', ...this.#view() }
  }

  /** What fails round after round is told once. */
  #tellOnce(trouble: string): void {
    if (trouble !== this.#trouble) this.#log.info(trouble)
    this.#trouble = trouble
  }

  get #log(): AgentContext['log'] {
    return this.#context.log.named('cluster-key')
  }

  async #step(): Promise<void> {
    const others = this.#context.state.get('members').filter((member) => member.state === 'alive' && !member.self)
    if (others.length === 0) return this.#stepAlone()
    this.#aloneSinceMs = undefined
    const isLeader = others.every((member) => member.id > (this.#context.state.get('identity')?.id ?? -1))
    await this.#tell(isLeader ? others : [...others].sort((one, other) => one.id - other.id).slice(0, 1))
    if (this.#keys.clock.startMs === undefined || this.#keys.old === undefined) return
    this.#keys.speakAlone(undefined)
    const { phase } = this.#keys
    await this.#settle(spokenIn(phase), phase === 'over', isLeader)
  }

  /** Nobody else is there: speak what is heard; a rotation whose time is up ends here as well. */
  async #stepAlone(): Promise<void> {
    const nowMs = this.#context.nowMs()
    if (this.#context.state.get('leases').length === 0) return
    if (this.#keys.phase === 'over') return this.#settle('newest', true, true)
    const heard = this.#context.state.get('discovered').filter((node) => node.kind === 'same-cluster')
    const isHeard = { newest: heard.some((node) => !node.withOldKey), old: heard.some((node) => node.withOldKey) }
    this.#aloneSinceMs ??= nowMs
    if (!this.#keys.takesOld) {
      if (isHeard.newest || nowMs - this.#aloneSinceMs < LISTEN_MS) return
      this.#keys.takeOld()
      this.#aloneSinceMs = nowMs
    } else if (isHeard.newest || isHeard.old || nowMs - this.#aloneSinceMs >= ALONE_CHANGE_MS) {
      this.#aloneSinceMs = nowMs
      this.#keys.speakAlone(spokenAlone(isHeard, Math.random()))
    }
    await this.#settle(same(this.#keys.spoken, this.#keys.newest) ? 'newest' : 'old', false, true)
  }

  async #tell(members: readonly Member[]): Promise<void> {
    const toTell = members.filter((member) => {
      const told = this.#told.get(nameOf(member))
      const { startMs, periodMs } = this.#keys.clock
      return told?.startMs === undefined || startMs === undefined || Math.abs(told.startMs - startMs) > SAME_START_MS || told.periodMs !== periodMs
    })
    for (let next = 0; next < toTell.length; next += CALLS_AT_ONCE) {
      await Promise.all(toTell.slice(next, next + CALLS_AT_ONCE).map((member) => this.#tellOne(member)))
    }
  }

  async #tellOne(member: Member): Promise<void> {
    const { old } = this.#keys
    if (old === undefined) return
    try {
      const request: RotationCall = { newest: text(this.#keys.newest), old: text(old), ...this.#view() }
      const answer = rotationAnswerSchema.parse(await this.#peers.call(member.id, CHANNEL, request, { limitMs: CALL_LIMIT_MS }))
      if (answer.state === 'rotating') {
        this.#keys.met({ startMs: answer.ageMs === null ? undefined : this.#context.nowMs() - answer.ageMs, periodMs: answer.periodMs })
        this.#told.set(nameOf(member), this.#keys.clock)
      } else if (this.#keys.clock.startMs === undefined) {
        this.#log.info('the cluster has changed to the new key before; the old one is forgotten')
        await this.#settle('newest', true, true)
      } else this.#told.set(nameOf(member), this.#keys.clock)
    } catch (error) {
      this.#tellOnce(`telling node ${member.id} of the new key: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  /** Brings Serf's keyrings to what is wanted; members other than the leader only when it did not. Afterwards an old key that is over is forgotten. */
  async #settle(spoken: 'newest' | 'old', isOver: boolean, isLeader: boolean): Promise<void> {
    const { newest, old } = this.#keys
    if (old === undefined) return
    const steps = keyringSteps(heldKeys(), { newest: gossipKeyOf(newest), old: gossipKeyOf(old) }, spoken, isOver)
    const nowMs = this.#context.nowMs()
    if (steps.length === 0) {
      this.#behindSinceMs = undefined
      if (isOver) {
        this.#keys.finish()
        this.#log.info('the cluster key was changed; the old one is refused from now on')
      }
      return
    }
    this.#behindSinceMs ??= nowMs
    if (!isLeader && nowMs - this.#behindSinceMs < LEADER_GRACE_MS) return
    const config = readSerfConfig(SERF_JSON)
    if (!config) return
    const rpc = await connectSerf(SERF_RPC, config.rpc_auth)
    try {
      for (const { command, key } of steps) {
        const { members, answered } = await rpc.changeKeys(command, key)
        this.#log.info(`${command}: ${answered} of ${members} members answered`)
        if (answered < members && command === 'install-key') return
      }
    } finally {
      rpc.close()
    }
  }

  #view(): Pick<RotationCall, 'ageMs' | 'periodMs'> {
    const { startMs, periodMs } = this.#keys.clock
    return { ageMs: startMs === undefined ? null : Math.max(0, this.#context.nowMs() - startMs), periodMs }
  }
}

/** Begins the change on a node that runs, from what `./plump key show` prints. Throws NodeError KEY_REFUSED. */
function beginByHand(keys: KeyRing, typed: string): void {
  const refuse = (why: string, fix: string): never => {
    throw new NodeError('KEY_REFUSED', why, fix)
  }
  const reading = readKeyText(typed)
  if (!reading.ok) return refuse(reading.why, 'type what ./plump key show on the build machine prints')
  const [newest, old] = reading.keys
  if (!newest || !old) return refuse('this node has its cluster key already', 'to change it in the running cluster, give the new key and the old one, as ./plump key show prints them after ./plump key rotate')
  if (keys.old !== undefined) return refuse('the cluster key is being changed already', 'wait for its end: plump key status')
  if (!same(keys.newest, old)) return refuse("the second of the two keys is not this cluster's", 'give the new key first and then the one the cluster has now')
  keys.begin(newest)
}

function statusOf(keys: KeyRing, nowMs: number): KeyStatus {
  const fingerprint = fingerprintOf(keys.newest)
  if (keys.old === undefined) return { state: 'one-key', fingerprint }
  const leftMs = untilNextPhaseMs(keys.clock, nowMs)
  return keyStatusSchema.parse({
    state: keys.clock.startMs === undefined ? 'waiting' : keys.phase === 'spreading' ? 'spreading' : 'retiring',
    fingerprint, oldFingerprint: fingerprintOf(keys.old), ...(keys.clock.startMs === undefined ? {} : { secondsLeft: Math.ceil((leftMs ?? 0) / 1000) }),
  })
}

function nameOf(member: Member): string {
  return `${member.id} ${member.mesh?.publicKey ?? ''}`
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.from(one).equals(other)
}

function text(key: Uint8Array): string {
  return Buffer.from(key).toString('base64')
}
