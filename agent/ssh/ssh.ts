import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentContext, Capability } from '../capability.ts'
import { writeAtomically } from '../os/files.ts'

/** Home of the node's only user, as rootfs-overlay/etc/passwd has it. */
const HOME = '/root'
const SSH_FOLDER = join(HOME, '.ssh')

/**
 * Lets the keys of ssh.authorizedKeys in. init runs dropbear (rootfs-overlay/usr/lib/plump/serve-dropbear) as soon as the
 * file is there; without keys there is no ssh at all.
 */
export function startSsh(context: AgentContext): Capability {
  const keys = context.config.ssh.authorizedKeys
  if (keys.length > 0) {
    mkdirSync(SSH_FOLDER, { recursive: true, mode: 0o700 })
    // dropbear refuses keys when others could write to them or to the folders above.
    for (const folder of [HOME, SSH_FOLDER]) chmodSync(folder, 0o700)
    writeAtomically(join(SSH_FOLDER, 'authorized_keys'), keys.map((key) => `${key}\n`).join(''), 0o600)
    context.log.named('ssh').info(`${keys.length} keys may log in as root`)
  }
  return { stop() {} }
}
