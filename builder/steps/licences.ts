import { copyFile, mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { findCopyright } from '../debian/copyright-file.ts'
import { packageListSchema } from '../debian/package-record.ts'
import { toolVersions } from '../os/tool-version.ts'
import { buildRun } from '../pipeline/build-run.ts'
import type { Step } from '../pipeline/step.ts'
import { fetchPackages } from './fetch-packages.ts'
import { resolvePackages } from './resolve-packages.ts'

/** The copyright files of all packages but the kernel, whose licence everybody knows. Result: copyright/NAME. */
export const licences: Step = {
  id: 'licences',
  title: 'Collect licences',
  needs: [resolvePackages, fetchPackages],
  codeUrl: import.meta.url,
  inputs: () => toolVersions('dpkg-deb'),
  async run({ build, out, result, warn }) {
    const packages = packageListSchema.parse(JSON.parse(await readFile(join(result(resolvePackages), 'packages.json'), 'utf8')))
    const folder = join(out, 'copyright')
    await mkdir(folder)
    /** Packages of one source often share the file of one of them. */
    const shared = new Map<string, string>()
    for (const { name } of packages.filter(({ use }) => use !== 'kernel')) {
      const tree = join(out, 'tree')
      await mkdir(tree)
      await buildRun(build, 'dpkg-deb', ['-x', join(result(fetchPackages), 'debs', `${name}.deb`), tree])
      const found = await findCopyright(tree, name)
      if (found?.kind === 'file') await copyFile(found.path, join(folder, name))
      if (found?.kind === 'shared') shared.set(name, found.with)
      if (!found) warn(`${name} brings no copyright file; the SBOM does not know its licence`)
      await rm(tree, { recursive: true })
    }
    for (const [name, other] of shared) {
      await copyFile(join(folder, other), join(folder, name)).catch(() => warn(`${name} shares the copyright file of ${other}, which is not in the image`))
    }
  },
}
