import { cp, mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { copyrightFileIn } from '../debian/unpack.ts'
import { packageListSchema } from '../debian/package-record.ts'
import { run } from '../os/run.ts'
import { toolVersions } from '../os/tool-version.ts'
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
    await mkdir(join(out, 'copyright'))
    for (const { name } of packages.filter(({ use }) => use !== 'kernel')) {
      const tree = join(out, 'tree')
      await mkdir(tree)
      await run('dpkg-deb', ['-x', join(result(fetchPackages), 'debs', `${name}.deb`), tree], { signal: build.signal })
      const file = await copyrightFileIn(tree, name, packages.map((record) => record.name))
      if (file !== undefined) await cp(file, join(out, 'copyright', name))
      else warn(`${name} brings no copyright file; the SBOM does not know its licence`)
      await rm(tree, { recursive: true })
    }
  },
}
