import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { constants, zstdCompress } from 'node:zlib'
import { encodeCpio } from '../image/cpio.ts'
import { initramfsEntries } from '../image/initramfs-entries.ts'
import { DEBIAN_KERNEL } from '../kernel/kernels.ts'
import { moduleClosure } from '../kernel/module-closure.ts'
import type { KernelModules } from '../kernel/module-info.ts'
import { decompressModules, writeModuleTree } from '../kernel/module-tree.ts'
import { INITRAMFS_MODULES } from '../kernel/node-modules.ts'
import { run } from '../os/run.ts'
import { toolVersions } from '../os/tool-version.ts'
import { treeDigest } from '../pipeline/tree-digest.ts'
import type { Step } from '../pipeline/step.ts'
import { fetchPackages } from './fetch-packages.ts'
import { kernel } from './kernel.ts'

const compress = promisify(zstdCompress)
const LEVEL = { small: 19, fast: 3 }

/** busybox, the scripts of builder/initramfs and the drivers a medium may need. Result: debian/initrd. */
export const initramfs: Step = {
  id: 'initramfs',
  title: 'Make the initramfs',
  needs: [fetchPackages, kernel],
  codeUrl: import.meta.url,
  inputs: async (build) => ({
    scripts: await treeDigest(scriptsFolder(build.paths.project)),
    level: String(build.fast ? LEVEL.fast : LEVEL.small),
    epoch: String(build.epochSeconds),
    ...await toolVersions('dpkg-deb', 'depmod', 'xz'),
  }),
  async run({ build, out, result }) {
    const kernelFolder = join(result(kernel), DEBIAN_KERNEL)
    const modules = JSON.parse(await readFile(join(kernelFolder, 'modules.json'), 'utf8')) as KernelModules
    const version = (await readFile(join(kernelFolder, 'version'), 'utf8')).trim()
    const scratch = await mkdtemp(join(tmpdir(), 'plump-initramfs-'))
    try {
      const tree = join(scratch, 'modules')
      // Decompressed: the whole initramfs is compressed once more, and the kernel unpacks zstd faster than xz.
      await writeModuleTree(moduleClosure(INITRAMFS_MODULES, modules), join(kernelFolder, 'modules'), tree, version, build.signal)
      await decompressModules(tree, build.signal)
      await run('dpkg-deb', ['-x', join(result(fetchPackages), 'debs/busybox-static.deb'), join(scratch, 'busybox')], { signal: build.signal })
      const archive = encodeCpio(await initramfsEntries({
        busybox: join(scratch, 'busybox/usr/bin/busybox'),
        scripts: scriptsFolder(build.paths.project),
        modules: tree,
        version,
        kernelName: DEBIAN_KERNEL,
      }), build.epochSeconds)
      const level = build.fast ? LEVEL.fast : LEVEL.small
      await mkdir(join(out, DEBIAN_KERNEL))
      await writeFile(join(out, DEBIAN_KERNEL, 'initrd'), await compress(archive, { params: { [constants.ZSTD_c_compressionLevel]: level } }))
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  },
}

function scriptsFolder(project: string): string {
  return join(project, 'builder/initramfs')
}
