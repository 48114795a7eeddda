import { join } from 'node:path'
import { makeSquashfs, squashfsInputs } from '../image/squashfs.ts'
import { toolVersions } from '../os/tool-version.ts'
import { perKernel } from '../pipeline/step.ts'
import { nicModules } from './nic-modules.ts'

/** Result: modules.sqfs, which the initramfs of that kernel mounts on /usr/lib/modules/VERSION. */
export const modulesSquashfs = perKernel((name) => ({
  id: `modules-squashfs-${name}`,
  title: `Pack the modules of ${name}`,
  needs: [nicModules(name)],
  codeUrl: import.meta.url,
  inputs: async (build) => ({ ...squashfsInputs(build), ...await toolVersions('mksquashfs') }),
  async run({ build, out, result }) {
    await makeSquashfs(build, join(result(nicModules(name)), 'modules'), join(out, 'modules.sqfs'), { packed: true, pseudo: [] })
  },
}))
