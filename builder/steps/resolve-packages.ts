import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openPrivateApt } from '../debian/private-apt.ts'
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
    return { ...lists, 'nics.firmware': build.config.nics.firmware }
  },
  async run({ build, out }) {
    const apt = await openPrivateApt(build, { freshen: false })
    const packages = await resolvePackageList(apt, { nonfreeFirmware: build.config.nics.firmware === 'nonfree' })
    await writeFile(join(out, 'packages.json'), `${JSON.stringify(packages, undefined, 1)}\n`)
  },
}
