import { formatStageLine } from '../../schema/stage-line.ts'
import type { LabNode } from './lab-node.ts'

const REPORT_MS = 250

export interface WatchOptions {
  limitSeconds: number
  signal?: AbortSignal
  /** Gets one line per stage a node reaches. */
  report: (line: string) => void
}

/** Waits until all nodes are `ready`, telling of their stages meanwhile. Throws what {@link LabNode.waitForStage} throws, as soon as one node fails. */
export async function watchBoot(nodes: readonly LabNode[], options: WatchOptions): Promise<void> {
  const told = new Map<number, number>()
  const reportNew = async (node: LabNode): Promise<void> => {
    const stages = await node.stages()
    for (const line of stages.slice(told.get(node.number) ?? 0)) options.report(formatStageLine(line).replace('plump:', `node ${node.number}:`))
    told.set(node.number, stages.length)
  }
  let busy = false
  const timer = setInterval(() => {
    if (busy) return
    busy = true
    // A node that cannot be asked is the waiting loop's to report.
    void Promise.all(nodes.map((node) => reportNew(node).catch(() => undefined))).finally(() => (busy = false))
  }, REPORT_MS)
  const failed = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal
  try {
    await Promise.all(nodes.map((node) => node.waitForStage('ready', { limitSeconds: options.limitSeconds, signal })))
  } finally {
    failed.abort()
    clearInterval(timer)
  }
  for (const node of nodes) await reportNew(node)
}
