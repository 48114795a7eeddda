import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { makeSquashfs, squashfsInputs } from '../image/squashfs.ts'
import { DEBIAN_KERNEL } from '../kernel/kernels.ts'
import { toolVersions } from '../os/tool-version.ts'
import type { Step } from '../pipeline/step.ts'
import { nicModules } from './nic-modules.ts'

/** Result: debian/modules.sqfs, which the initramfs mounts on /usr/lib/modules/VERSION. */
export const modulesSquashfs: Step = {
  id: 'modules-squashfs',
  title: 'Pack the modules',
  needs: [nicModules],
  codeUrl: import.meta.url,
  inputs: async (build) => ({ ...squashfsInputs(build), ...await toolVersions('mksquashfs') }),
  async run({ build, out, result }) {
    await mkdir(join(out, DEBIAN_KERNEL))
    const modules = join(result(nicModules), DEBIAN_KERNEL, 'modules')
    await makeSquashfs(build, modules, join(out, DEBIAN_KERNEL, 'modules.sqfs'), { packed: true, pseudo: [] })
  },
}
