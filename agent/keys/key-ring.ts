import * as z from 'zod'
import { fingerprintOf } from '../discovery/fingerprint.ts'
import { readTextIfThere, writeAtomically } from '../os/files.ts'
import { formatKeys } from './key-text.ts'
import { agreed, phaseAt, spokenIn, type Phase, type RotationClock } from './rotation.ts'

export interface RingPaths {
  /** Where the keys are kept, newest first (mode 600, in memory). */
  keyFile: string
  /** Where a restarted agent finds since when keys change. */
  rotationFile: string
}

export const RING_PATHS: RingPaths = { keyFile: '/etc/plump/cluster.key', rotationFile: '/run/plump/key-rotation.json' }

const memorySchema = z.object({ startMs: z.number().optional(), periodMs: z.number().positive() })

export interface RingOptions {
  /** Newest first; one, or two while the cluster key changes. */
  keys: readonly Uint8Array[]
  /** Length of a period of a rotation that nobody else has begun yet. */
  periodMs: number
  /** Milliseconds on the machine's clock that never jumps; the same one after a restart of the agent. */
  nowMs(): number
  paths?: RingPaths
}

/** The cluster key, and beside it the one before as long as the cluster changes from that to the newest. */
export class KeyRing {
  readonly #options: RingOptions
  readonly #paths: RingPaths
  readonly #listeners = new Set<() => void>()
  #newest: Uint8Array
  #old: Uint8Array | undefined
  #clock: RotationClock
  #spokenAlone: 'newest' | 'old' | undefined
  #takesOld = false

  constructor(options: RingOptions) {
    const [newest, old] = options.keys
    if (!newest) throw new Error('a key ring needs a key')
    this.#options = options
    this.#paths = options.paths ?? RING_PATHS
    this.#newest = newest
    this.#old = old
    this.#clock = (old ? this.#remembered() : undefined) ?? { startMs: undefined, periodMs: options.periodMs }
  }

  get newest(): Uint8Array {
    return this.#newest
  }

  /** The key before, while it is still of use. */
  get old(): Uint8Array | undefined {
    return this.#old
  }

  get clock(): RotationClock {
    return this.#clock
  }

  get phase(): Phase {
    return this.#old ? phaseAt(this.#clock, this.#options.nowMs()) : 'over'
  }

  /**
   * Whether the old key is of use yet. A node that has just been started does not know whether the change was over long ago, and holders of the old
   * key must not be let in then: it takes the old key only when it hears nobody with the newest ({@link takeOld}).
   */
  get takesOld(): boolean {
    return this.#old !== undefined && (this.#takesOld || this.#clock.startMs !== undefined)
  }

  /** From now on the old key is understood, too. */
  takeOld(): void {
    if (this.#takesOld) return
    this.#takesOld = true
    this.#tell()
  }

  /** The key this node speaks now: what its announcements show and its gossip is encrypted with. */
  get spoken(): Uint8Array {
    const which = this.takesOld ? this.#spokenAlone ?? spokenIn(this.phase) : 'newest'
    return which === 'old' && this.#old ? this.#old : this.#newest
  }

  /** Fingerprints of the keys that are understood. */
  get fingerprints(): { newest: string; old?: string } {
    return { newest: fingerprintOf(this.#newest), ...(this.#old && this.phase !== 'over' ? { old: fingerprintOf(this.#old) } : {}) }
  }

  /** Calls `listener` after each change. */
  watch(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** From now on `newest` is to replace the key there is. */
  begin(newest: Uint8Array, clock: RotationClock = { startMs: undefined, periodMs: this.#options.periodMs }): void {
    this.#old = this.#newest
    this.#newest = newest
    this.#clock = clock
    this.#spokenAlone = undefined
    this.#takesOld = true
    this.#keep()
  }

  /** Another member tells of the same rotation; without a start on either side it begins now. True when that changed anything. */
  met(other: RotationClock): boolean {
    const nowMs = this.#options.nowMs()
    const clock = agreed(this.#clock, other)
    const next = { ...clock, startMs: clock.startMs ?? nowMs }
    if (next.startMs === this.#clock.startMs && next.periodMs === this.#clock.periodMs) return false
    this.#clock = next
    this.#keep()
    return true
  }

  /** What is spoken while no other member is there; undefined: what the phase says. */
  speakAlone(which: 'newest' | 'old' | undefined): void {
    if (this.#spokenAlone === which) return
    this.#spokenAlone = which
    this.#tell()
  }

  /** The old key is forgotten. */
  finish(): void {
    this.#old = undefined
    this.#spokenAlone = undefined
    this.#keep()
  }

  #keep(): void {
    writeAtomically(this.#paths.keyFile, formatKeys(this.#old ? [this.#newest, this.#old] : [this.#newest]), 0o600)
    writeAtomically(this.#paths.rotationFile, `${JSON.stringify(this.#clock)}\n`)
    this.#tell()
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }

  #remembered(): RotationClock | undefined {
    try {
      const { startMs, periodMs } = memorySchema.parse(JSON.parse(readTextIfThere(this.#paths.rotationFile) ?? 'null'))
      return { startMs, periodMs }
    } catch {
      return undefined
    }
  }
}
