import type { Lab } from '../lab/lab.ts'
import type { LabNode } from '../lab/lab-node.ts'
import { withLab } from '../lab/with-lab.ts'
import { STAGES } from '../../schema/stage-line.ts'

const BOOT_LIMIT_SECONDS = 180
const MEMORY_MIB = 512

export interface NodeFigures {
  /** Seconds since the kernel started, by stage, of a node that boots alone; the first lease counts. */
  stageSeconds: Record<string, number>
  /** The same divided by that of `initramfs`: the machine's speed cancels out. */
  stageRatios: Record<string, number>
  /** What `plump status` counts as used right after `ready`. */
  usedKiBAtReady: number
  /** From `address` to `joined`, on a second node that boots while the first is ready. */
  joinSeconds: number
  /** From power-on to `ready` of a BIOS PC that gets everything over the network from `./plump serve`; the boot menu's wait is in it. */
  netbootReadySeconds: number
}

/** Boots two nodes from the ISO, one after the other, and reads their stage lines. */
export async function measureNode(iso: string, options: { signal: AbortSignal; report: (text: string) => void }): Promise<NodeFigures> {
  return withLab({ name: 'bench', nodes: 1, medium: 'kernel', memoryMiB: MEMORY_MIB, iso, signal: options.signal }, async (lab) => {
    options.report('first node boots')
    const first = lab.node(1)
    const ready = await first.waitForStage('ready', { limitSeconds: BOOT_LIMIT_SECONDS, signal: options.signal })
    const status = await first.exec('plump status --json')
    const { memoryUsedKiB } = JSON.parse(status.stdout) as { memoryUsedKiB: number }
    const stageSeconds = await secondsByStage(first, ready.stage)
    options.report('second node boots and joins')
    const second = await lab.add({ medium: 'kernel', memoryMiB: MEMORY_MIB, iso })
    const joined = await second.waitForStage('joined', { limitSeconds: BOOT_LIMIT_SECONDS, signal: options.signal })
    const address = await second.waitForStage('address')
    options.report('third node boots over the network')
    const netbootReadySeconds = await measureNetboot(lab, iso, options.signal)
    const initramfs = stageSeconds['initramfs'] ?? Number.NaN
    return {
      stageSeconds,
      stageRatios: Object.fromEntries(Object.entries(stageSeconds).map(([stage, seconds]) => [stage, round(seconds / initramfs)])),
      usedKiBAtReady: memoryUsedKiB,
      joinSeconds: round(joined.seconds - address.seconds),
      netbootReadySeconds,
    }
  })
}

async function measureNetboot(lab: Lab, iso: string, signal: AbortSignal): Promise<number> {
  const node = await lab.add({ medium: 'network', memoryMiB: MEMORY_MIB, iso })
  const startedMs = performance.now()
  await node.waitForStage('ready', { limitSeconds: BOOT_LIMIT_SECONDS, signal })
  return round((performance.now() - startedMs) / 1000)
}

async function secondsByStage(node: LabNode, last: string): Promise<Record<string, number>> {
  const lines = await node.stages()
  const wanted = STAGES.slice(0, STAGES.findIndex((stage) => stage === last) + 1)
  return Object.fromEntries(wanted.flatMap((stage) => {
    const line = lines.find((one) => one.stage === stage)
    return line ? [[stage, line.seconds]] : []
  }))
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
