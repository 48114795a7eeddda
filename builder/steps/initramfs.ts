import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { constants, zstdCompress } from 'node:zlib'
import { encodeCpio } from '../image/cpio.ts'
import { initramfsEntries } from '../image/initramfs-entries.ts'
import { readUnpackedKernel } from '../kernel/kernels.ts'
import { moduleClosure } from '../kernel/module-closure.ts'
import { decompressModules, writeModuleTree } from '../kernel/module-tree.ts'
import { INITRAMFS_MODULES } from '../kernel/node-modules.ts'
import { run } from '../os/run.ts'
import { toolVersions } from '../os/tool-version.ts'
import { fileInputs } from '../pipeline/inputs.ts'
import { perKernel } from '../pipeline/step.ts'
import { fetchPackages } from './fetch-packages.ts'
import { kernel } from './kernel.ts'

const compress = promisify(zstdCompress)
const SCRIPTS = 'builder/initramfs'
const LEVEL = { small: 19, fast: 3 }

/** busybox, the scripts of builder/initramfs and the drivers of one kernel that a medium may need. Result: initrd. */
export const initramfs = perKernel((name) => ({
  id: `initramfs-${name}`,
  title: `Make the initramfs of ${name}`,
  needs: [fetchPackages, kernel(name)],
  codeUrl: import.meta.url,
  inputs: async (build) => ({
    ...await fileInputs(build.paths.project, [SCRIPTS]),
    level: String(build.fast ? LEVEL.fast : LEVEL.small),
    epoch: String(build.epochSeconds),
    'zstd in Node': process.versions.zstd ?? '',
    ...await toolVersions('dpkg-deb', 'depmod', 'xz'),
  }),
  async run({ build, out, result }) {
    const unpacked = await readUnpackedKernel(result(kernel(name)))
    const scratch = await mkdtemp(join(tmpdir(), 'plump-initramfs-'))
    try {
      const tree = join(scratch, 'modules')
      // Decompressed: the whole initramfs is compressed once more, and the kernel unpacks zstd faster than xz.
      await writeModuleTree(moduleClosure(INITRAMFS_MODULES, unpacked.kernel), unpacked.modulesFolder, tree, unpacked.version, build.signal)
      await decompressModules(tree, build.signal)
      await run('dpkg-deb', ['-x', join(result(fetchPackages), 'debs/busybox-static.deb'), join(scratch, 'busybox')], { signal: build.signal })
      const archive = encodeCpio(await initramfsEntries({
        busybox: join(scratch, 'busybox/usr/bin/busybox'),
        scripts: join(build.paths.project, SCRIPTS),
        modules: tree,
        version: unpacked.version,
        kernelName: name,
      }), build.epochSeconds)
      const level = build.fast ? LEVEL.fast : LEVEL.small
      await writeFile(join(out, 'initrd'), await compress(archive, { params: { [constants.ZSTD_c_compressionLevel]: level } }))
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  },
}))
