import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { InspectedArchive } from '../../schema/add-on-package.ts'
import { assertAccepted, inspectArchive } from '../packages/inspect-archive.ts'
import { carriedArchives, mayReplace, readPackagesFolder } from '../packages/packages-folder.ts'
import { lookUpInTrees } from '../packages/root-look-up.ts'
import { fileInputs } from '../pipeline/inputs.ts'
import type { Step } from '../pipeline/step.ts'
import { chosenPackages } from './chosen-packages.ts'
import { nodeRuntime } from './node-runtime.ts'
import { overlay } from './overlay.ts'
import { unpackRoot } from './unpack-root.ts'

/**
 * The user's add-on packages, each held against the rules. Result: medium/, with packages/{list,ARCHIVE…} when there is a list,
 * and packages.json (InspectedArchive[]).
 */
export const packages: Step = {
  id: 'packages',
  title: 'Check add-on packages',
  needs: [unpackRoot, chosenPackages, nodeRuntime, overlay],
  codeUrl: import.meta.url,
  async inputs(build) {
    const found = await readPackagesFolder(build.paths.packages)
    const files = found.listText === undefined ? [] : ['list', ...carriedArchives(found)]
    return Object.fromEntries(Object.entries(await fileInputs(found.folder, files)).map(([name, value]) => [`packages/${name}`, value]))
  },
  async run({ build, out, result, progress, warn }) {
    const found = await readPackagesFolder(build.paths.packages)
    const lookUp = lookUpInTrees([unpackRoot, chosenPackages, nodeRuntime, overlay].map((step) => join(result(step), 'root')))
    const inspected: InspectedArchive[] = []
    await mkdir(join(out, 'medium'))
    if (found.listText !== undefined) {
      const medium = join(out, 'medium/packages')
      await mkdir(medium)
      await writeFile(join(medium, 'list'), found.listText)
      for (const name of carriedArchives(found)) {
        progress(name)
        const archive = await inspectArchive(join(found.folder, name), { lookUp, mayReplace: mayReplace(found, name) })
        assertAccepted(archive)
        await copyFile(join(found.folder, name), join(medium, name))
        inspected.push(archive)
      }
    }
    for (const name of found.archives.filter((archive) => !carriedArchives(found).includes(archive))) {
      warn(`${name} lies in ${found.folder} but its list does not name it; it is left out (./plump package add ${name} lists it)`)
    }
    await writeFile(join(out, 'packages.json'), `${JSON.stringify(inspected, undefined, 1)}\n`)
  },
}
