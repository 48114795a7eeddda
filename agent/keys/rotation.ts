/**
 * The rules by which a cluster goes from its old key to a new one: pure functions of what a node knows. In the first period the old key is spoken
 * and the new one spreads; in the second the new one is spoken and the old one still understood; then the old one is refused.
 */

export type Phase = 'spreading' | 'retiring' | 'over'

/** When a rotation began, on a clock of the node's own that never jumps; undefined while no other member is there. */
export interface RotationClock {
  startMs: number | undefined
  periodMs: number
}

export function phaseAt({ startMs, periodMs }: RotationClock, nowMs: number): Phase {
  if (startMs === undefined || nowMs - startMs < periodMs) return 'spreading'
  return nowMs - startMs < 2 * periodMs ? 'retiring' : 'over'
}

/** Milliseconds until the phase changes; undefined when it does not by itself. */
export function untilNextPhaseMs(clock: RotationClock, nowMs: number): number | undefined {
  const phase = phaseAt(clock, nowMs)
  if (clock.startMs === undefined || phase === 'over') return undefined
  return clock.startMs + (phase === 'spreading' ? 1 : 2) * clock.periodMs - nowMs
}

/** What two members that tell each other of one rotation agree on: the earlier start and the longer period, whoever tells whom. */
export function agreed(one: RotationClock, other: RotationClock): RotationClock {
  const starts = [one.startMs, other.startMs].filter((start) => start !== undefined)
  return { startMs: starts.length === 0 ? undefined : Math.min(...starts), periodMs: Math.max(one.periodMs, other.periodMs) }
}

/** The key that is spoken in a phase. */
export function spokenIn(phase: Phase): 'newest' | 'old' {
  return phase === 'spreading' ? 'old' : 'newest'
}

/**
 * Which key a node without company speaks, so that whoever is there understands it: the newest if anybody announces it, else the old one if anybody
 * announces that. When nobody is heard, members may still be behind a router (seeds): then chance decides, time and again. `random` is in [0, 1).
 */
export function spokenAlone(heard: { newest: boolean; old: boolean }, random: number): 'newest' | 'old' {
  if (heard.newest || heard.old) return heard.newest ? 'newest' : 'old'
  return random < 0.5 ? 'newest' : 'old'
}

export interface KeyringStep {
  command: 'install-key' | 'use-key' | 'remove-key'
  key: string
}

/**
 * What is to be asked of Serf, in this order, so that its keyring (`held`, the spoken key first) becomes the wanted one. A key is installed
 * everywhere before it is spoken, for a member that lacks it would be lost.
 */
export function keyringSteps(held: readonly string[], keys: { newest: string; old: string }, spoken: 'newest' | 'old', isOver: boolean): KeyringStep[] {
  const speaksOther = held[0] !== keys[spoken]
  const toInstall = new Set([...(held.includes(keys.newest) ? [] : [keys.newest]), ...(speaksOther ? [keys[spoken]] : [])])
  return [
    ...[...toInstall].map((key) => ({ command: 'install-key' as const, key })),
    ...(speaksOther ? [{ command: 'use-key' as const, key: keys[spoken] }] : []),
    ...(isOver && held.includes(keys.old) ? [{ command: 'remove-key' as const, key: keys.old }] : []),
  ]
}
