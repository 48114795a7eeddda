import { copyFile, link, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { downloadAll, downloadPath } from '../debian/download.ts'
import { packageListSchema } from '../debian/package-record.ts'
import { useMachineProxy } from '../debian/private-apt.ts'
import type { Step } from '../pipeline/step.ts'
import { resolvePackages } from './resolve-packages.ts'

const PROGRESS_BYTES = 4_000_000

/** Downloads and verifies the packages. Result: debs/NAME.deb, links to the shared downloads. */
export const fetchPackages: Step = {
  id: 'fetch-packages',
  title: 'Fetch packages',
  needs: [resolvePackages],
  codeUrl: import.meta.url,
  inputs: () => Promise.resolve({}),
  async run({ build, out, result, progress, warn }) {
    const packages = packageListSchema.parse(JSON.parse(await readFile(join(result(resolvePackages), 'packages.json'), 'utf8')))
    const folder = join(build.paths.downloads, 'debs')
    let toldBytes = 0
    const forgetProxy = await useMachineProxy()
    await downloadAll(packages, {
      folder,
      signal: build.signal,
      onProgress(doneBytes, totalBytes) {
        if (doneBytes - toldBytes < PROGRESS_BYTES && doneBytes !== totalBytes) return
        toldBytes = doneBytes
        progress(`${Math.round(doneBytes / 1e6)} of ${Math.round(totalBytes / 1e6)} MB`, doneBytes, totalBytes)
      },
      onDamaged: (name) => warn(`the download of ${name} is damaged; it is fetched again`),
    }).finally(forgetProxy)
    await mkdir(join(out, 'debs'))
    for (const record of packages) await linkOrCopy(downloadPath(folder, record), join(out, 'debs', `${record.name}.deb`))
  },
}

/** A hard link where both lie on one file system, else a copy. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  await link(from, to).catch(() => copyFile(from, to))
}
