import { chmodSync, mkdirSync } from 'node:fs'
import type { AgentContext, Capability } from '../capability.ts'
import { writeAtomically } from '../os/files.ts'

/**
 * Lets the keys of ssh.authorizedKeys in. init runs dropbear (rootfs-overlay/usr/lib/plump/serve-dropbear) as soon as the
 * file is there; without keys there is no ssh at all.
 */
export function startSsh(context: AgentContext): Capability {
  const keys = context.config.ssh.authorizedKeys
  if (keys.length > 0) {
    mkdirSync('/root/.ssh', { recursive: true, mode: 0o700 })
    // dropbear refuses keys when others could write to them or to the folders above.
    for (const folder of ['/root', '/root/.ssh']) chmodSync(folder, 0o700)
    writeAtomically('/root/.ssh/authorized_keys', keys.map((key) => `${key}\n`).join(''), 0o600)
    context.log.named('ssh').info(`${keys.length} keys may log in as root`)
  }
  return { stop() {} }
}
