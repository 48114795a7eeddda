import type { Outcome } from '../../schema/job.ts'

/**
 * How a command ended, by what job-init's timer (busybox time -f 'exit %x') printed: `Command terminated by signal N` or `exit N`, last. Without
 * either, its init was killed with all the rest, which only the outside can do; `memoryKills` tells whether the kernel did.
 */
export function parseOutcome(text: string, memoryKills: number): Outcome {
  const signal = /^Command terminated by signal (\d+)$/m.exec(text)?.[1]
  if (memoryKills > 0 && (signal === undefined || signal === '9')) return { lost: 'out of memory: the kernel ended it at its memory limit' }
  if (signal !== undefined) return { signal: Number(signal) }
  const exit = /^exit (\d+)$/m.exec(text)?.[1]
  if (exit !== undefined) return { exit: Number(exit) }
  return text.trim() === '' ? { signal: 9 } : { lost: text.trim().slice(0, 500) }
}

/** The exit code by which a shell would tell of it. */
export function exitCodeOf(outcome: Outcome): number {
  if ('exit' in outcome) return outcome.exit
  return 'signal' in outcome ? 128 + outcome.signal : 255
}

/** `exit 3`, `signal 15`, `lost: …`. */
export function describeOutcome(outcome: Outcome): string {
  if ('exit' in outcome) return `exit ${outcome.exit}`
  return 'signal' in outcome ? `signal ${outcome.signal}` : `lost: ${outcome.lost}`
}
