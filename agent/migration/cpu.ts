import { mkdirSync, readFileSync } from 'node:fs'
import type { CpuFeatures } from '../../schema/cpu-features.ts'
import { once } from '../os/once.ts'
import { run } from '../os/run.ts'
import { usableFlags } from './cpu-features.ts'
import { parseCpuImage } from './criu-images.ts'

const FOLDER = '/run/plump/cpuinfo'
/** The first criu of a boot looks at the whole kernel. */
const CPU_LIMIT_MS = 60_000

/** What this node's processor has; asked of CRIU once. */
export const ownCpu = once(readCpu)

async function readCpu(): Promise<CpuFeatures> {
  mkdirSync(FOLDER, { recursive: true })
  await run('/usr/sbin/criu', ['cpuinfo', 'dump', '-D', FOLDER], CPU_LIMIT_MS)
  return { flags: usableFlags(readFileSync('/proc/cpuinfo', 'utf8')), xsaveBytes: parseCpuImage(readFileSync(`${FOLDER}/cpuinfo.img`)).xsaveBytes }
}
