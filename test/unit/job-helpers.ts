import type { Job } from '../../schema/job.ts'

/** A job that runs at its home, as its home tells of it, but for what `change` says. */
export function testJob(change: Partial<Job>): Job {
  return {
    id: '0005-1', home: 5, node: 5, state: 'running', epoch: 1, uid: 0, command: ['sleep', '100'], directory: '/', foreground: false, terminal: false,
    started: '2026-01-01T00:00:00.000Z', cpuSeconds: 1, memoryBytes: 4_096, processes: 1, niceness: 0, migrations: 0,
    lock: 'none', mask: { rule: 'any' }, hints: {}, limits: {}, ...change,
  }
}
