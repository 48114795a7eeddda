import { EXIT, PlumpError } from '../errors.ts'
import type { PlumpYaml } from '../../schema/plump-yaml.ts'

export interface Mirrors {
  main: string
  security: string
}

/**
 * The mirrors to ask: base.mirror and base.securityMirror where they are set, else those of the machine's own apt.
 * `indexTargets` is the output of `apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)'`. Throws NO_MIRROR.
 */
export function chooseMirrors(base: PlumpYaml['base'], indexTargets: string): Mirrors {
  const machine = machineMirrors(indexTargets)
  const main = base.mirror ?? machine.main
  if (main === undefined) {
    throw new PlumpError('NO_MIRROR', 'no Debian mirror is known: the apt of this machine has no Debian sources', {
      fix: 'name a mirror near you in plump.yaml under base.mirror (the list is at debian.org/mirror/list)', exitCode: EXIT.usage,
    })
  }
  const besideMain = `${withoutSlash(main)}-security`
  const security = base.securityMirror ?? (base.mirror === undefined ? machine.security : undefined) ?? besideMain
  return { main: withoutSlash(main), security: withoutSlash(security) }
}

function machineMirrors(indexTargets: string): Partial<Mirrors> {
  const targets = indexTargets.split('\n').map((line) => line.split('|')).filter(([origin]) => origin === 'Debian')
  const main = targets.find(([, label]) => label === 'Debian')?.[2]
  const security = targets.find(([, label]) => label === 'Debian-Security')?.[2]
  return { ...(main === undefined ? {} : { main }), ...(security === undefined ? {} : { security }) }
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '')
}

/** The sources.list of the private apt. */
export function sourcesList(mirrors: Mirrors, suite: string, keyring: string): string {
  const line = (mirror: string, name: string): string => `deb [signed-by=${keyring}] ${mirror} ${name} main non-free-firmware\n`
  return line(mirrors.main, suite) + line(mirrors.main, `${suite}-updates`) + line(mirrors.security, `${suite}-security`)
}
