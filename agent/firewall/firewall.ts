import { existsSync, readFileSync } from 'node:fs'
import type { AgentContext, Capability } from '../capability.ts'

/** rootfs-overlay/usr/lib/plump/settle writes `up` or `failed` to it once nft has run. */
const RESULT = '/run/plump/firewall'
const POLL_MS = 100

/** Follows whether the firewall rules are loaded: without them a node does not become ready. */
export function startFirewall(context: AgentContext): Capability {
  const look = (): boolean => {
    if (!existsSync(RESULT)) return false
    const up = readFileSync(RESULT, 'utf8').trim() === 'up'
    context.state.set('firewall', up ? 'up' : 'failed')
    if (!up) context.state.setWaiting('firewall', { for: 'the firewall', fix: 'plump log says why its rules were refused; a kernel of your own needs nf_tables and nf_conntrack', fatal: true })
    return true
  }
  if (look()) return { stop() {} }
  const timer = setInterval(() => {
    if (look()) clearInterval(timer)
  }, POLL_MS)
  return { stop: () => clearInterval(timer) }
}
