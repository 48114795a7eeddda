import type { JobFigures } from '../../schema/job-link.ts'
import { readTextIfThere } from '../os/files.ts'
import { cgroupFigures } from './cgroups.ts'
import { initAndMain, parseStat, processesOfJob } from './processes.ts'

/** Tells what a job uses, every other second for each job: so it looks at all its processes only until it has found the command. */
export class JobGauge {
  readonly #cgroup: string
  #main: number | undefined

  constructor(cgroup: string) {
    this.#cgroup = cgroup
  }

  /** Undefined when it has ended. */
  read(): JobFigures | undefined {
    try {
      const { cpuSeconds, memoryBytes, processes } = cgroupFigures(this.#cgroup)
      const main = this.#readMain()
      return { cpuSeconds, memoryBytes, processes, stopped: main?.state === 'T', niceness: main?.niceness ?? 0 }
    } catch {
      return undefined
    }
  }

  #readMain(): { state: string; niceness: number } | undefined {
    const stat = this.#main === undefined ? undefined : readTextIfThere(`/proc/${this.#main}/stat`)
    if (stat !== undefined) return parseStat(stat)
    const { main } = initAndMain(processesOfJob(this.#cgroup))
    this.#main = main?.pid
    return main
  }
}
