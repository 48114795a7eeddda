import { PlumpError } from '../errors.ts'
import type { LabNode } from '../lab/lab-node.ts'

const COMMAND_LIMIT_SECONDS = 480

/** What a shell line prints on a node. Throws PlumpError BENCH_FAILED when it fails there. */
export async function said(node: LabNode, line: string, signal?: AbortSignal): Promise<string> {
  const { stdout, stderr, exitCode } = await node.exec(line, { limitSeconds: COMMAND_LIMIT_SECONDS, ...(signal ? { signal } : {}) })
  if (exitCode === 0) return stdout
  throw new PlumpError('BENCH_FAILED', `node ${node.number}: "${line.slice(0, 200)}" ended with ${exitCode}: ${stderr.trim().slice(-500)}`, { fix: 'try again on a machine with less to do' })
}

/** Milliseconds that a shell line takes on the node, by its own clock, which counts hundredths of a second; the line must succeed. */
export async function timed(node: LabNode, line: string, signal?: AbortSignal): Promise<number> {
  const now = 'read up rest < /proc/uptime; echo ${up%.*}${up#*.}'
  const output = await said(node, `cd /; ${now}; ( ${line} ) > /dev/null || exit 1; ${now}`, signal)
  const [before = Number.NaN, after = Number.NaN] = output.trim().split('\n').map(Number)
  return (after - before) * 10
}
