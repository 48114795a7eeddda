import { readFileSync } from 'node:fs'
import * as z from 'zod'
import { cpuFeaturesSchema, type CpuFeatures } from '../../schema/cpu-features.ts'
import { processesIn } from '../jobs/cgroups.ts'
import type { HeldJob } from '../jobs/held-job.ts'
import { readTextIfThere, writeAtomically } from '../os/files.ts'
import { ownCpu } from './cpu.ts'
import { joinFeatures } from './cpu-features.ts'

/** What a job that came from elsewhere brought along; a job that was started here has no such file. */
const knownSchema = z.strictObject({
  needs: cpuFeaturesSchema,
  /** Marks of the programs it was running when it came ({@link programMarks}). */
  programs: z.array(z.string()).max(8_192),
})

/**
 * What the processor of any node must have that the job goes on to: all that its programs found when they were started. A program that was started
 * here since the job came has seen this processor, too.
 */
export async function needsOf(job: HeldJob): Promise<CpuFeatures> {
  const text = readTextIfThere(fileOf(job))
  if (text === undefined) return ownCpu()
  const { needs, programs } = knownSchema.parse(JSON.parse(text))
  const known = new Set(programs)
  return programMarks(job).every((mark) => known.has(mark)) ? needs : joinFeatures(needs, await ownCpu())
}

/** Writes down what a job that stands here, and has not run yet, brought along. */
export function rememberNeeds(job: HeldJob, needs: CpuFeatures): void {
  writeAtomically(fileOf(job), JSON.stringify({ needs, programs: programMarks(job) } satisfies z.input<typeof knownSchema>), 0o600)
}

/**
 * One mark for each program the job runs: where its stack begins, which exec draws at random, fork inherits and criu restores (field 28 of
 * /proc/PID/stat, proc_pid_stat(5)).
 */
function programMarks(job: HeldJob): string[] {
  return [...new Set(processesIn(job.cgroup).flatMap((pid) => startOfStack(pid) ?? []))]
}

function startOfStack(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[25]
  } catch {
    return undefined
  }
}

function fileOf(job: HeldJob): string {
  return `${job.folder}/cpu.json`
}
