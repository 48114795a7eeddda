import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { neededFor } from '../debian/chosen-packages.ts'
import { openPrivateApt } from '../debian/private-apt.ts'
import { NEEDED_BY_BOOT_SERVER } from '../debian/root-packages.ts'
import { resolvePackageList } from '../debian/resolve.ts'
import type { Step } from '../pipeline/step.ts'

/** Asks apt what the image is made of. Result: packages.json (PackageRecord[]). */
export const resolvePackages: Step = {
  id: 'resolve-packages',
  title: 'Resolve packages',
  needs: [],
  codeUrl: import.meta.url,
  async inputs(build) {
    const { lists } = await openPrivateApt(build, { freshen: true })
    const { nics: { set, firmware }, packages: { debian } } = build.config
    return { ...lists, 'nics.firmware': firmware, 'Wi-Fi': String(set === 'all'), 'packages.debian': debian.toSorted().join(' ') }
  },
  async run({ build, out }) {
    const apt = await openPrivateApt(build, { freshen: false })
    const names = build.config.packages.debian.toSorted()
    const packages = await resolvePackageList(apt, {
      nics: build.config.nics,
      teller: await openPrivateApt(build, { freshen: false, needed: [...new Set([...NEEDED_BY_BOOT_SERVER, ...(names.length === 0 ? [] : neededFor(names))])] }),
      ...(names.length === 0 ? {} : { chosen: { names, apt: await openPrivateApt(build, { freshen: false, needed: neededFor(names) }) } }),
    })
    await writeFile(join(out, 'packages.json'), `${JSON.stringify(packages, undefined, 1)}\n`)
  },
}
