import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { packageListSchema } from '../debian/package-record.ts'
import { makeRoot, unpackPackage, type Unpacked } from '../debian/unpack.ts'
import { toolVersions } from '../os/tool-version.ts'
import type { Step } from '../pipeline/step.ts'
import { fetchPackages } from './fetch-packages.ts'
import { resolvePackages } from './resolve-packages.ts'

/**
 * Unpacks the packages of the root. Result: root/ (merged /usr, filtered), and files.json: by package, the files it brought and
 * their bytes.
 */
export const unpackRoot: Step = {
  id: 'unpack-root',
  title: 'Unpack the root',
  needs: [resolvePackages, fetchPackages],
  codeUrl: import.meta.url,
  inputs: () => toolVersions('dpkg-deb'),
  async run({ build, out, result, progress }) {
    const packages = packageListSchema.parse(JSON.parse(await readFile(join(result(resolvePackages), 'packages.json'), 'utf8')))
    const names = packages.filter(({ use }) => use === 'root').map(({ name }) => name)
    await makeRoot(join(out, 'root'))
    const unpacked: Record<string, Unpacked> = {}
    for (const [index, name] of names.entries()) {
      progress(name, index, names.length)
      unpacked[name] = await unpackPackage(build, name, join(result(fetchPackages), 'debs', `${name}.deb`), join(out, 'root'), join(out, 'tree'))
    }
    await writeFile(join(out, 'files.json'), `${JSON.stringify(unpacked, undefined, 1)}\n`)
  },
}
