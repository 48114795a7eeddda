import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packTree } from '../image/pack-tree.ts'
import { run } from '../os/run.ts'
import { toolVersions } from '../os/tool-version.ts'
import type { Step } from '../pipeline/step.ts'
import { fetchPackages } from './fetch-packages.ts'

/**
 * What a machine that starts over the network is given first, by their names there: iPXE for BIOS; for UEFI Debian's signed shim, which
 * asks for grubx64.efi beside itself, and the signed GRUB that can use the network.
 */
const LOADERS: readonly { package: string; source: string; name: string }[] = [
  { package: 'ipxe', source: 'usr/lib/ipxe/undionly.kpxe', name: 'undionly.kpxe' },
  { package: 'shim-signed', source: 'usr/lib/shim/shimx64.efi.signed', name: 'shimx64.efi' },
  { package: 'grub-efi-amd64-signed', source: 'usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed', name: 'grubx64.efi' },
]

/** Packs the boot loaders for the network, so that any machine that has the medium can serve it. Result: loaders.tar.xz. */
export const netbootLoaders: Step = {
  id: 'netboot-loaders',
  title: 'Pack the boot loaders for the network',
  needs: [fetchPackages],
  codeUrl: import.meta.url,
  inputs: async (build) => ({ epoch: String(build.epochSeconds), ...await toolVersions('dpkg-deb', 'xz') }),
  async run({ build, out, result }) {
    const scratch = await mkdtemp(join(tmpdir(), 'plump-loaders-'))
    try {
      const tree = join(scratch, 'tree')
      await mkdir(tree)
      for (const { package: name, source, name: target } of LOADERS) {
        const unpacked = join(scratch, name)
        await run('dpkg-deb', ['-x', join(result(fetchPackages), 'debs', `${name}.deb`), unpacked], { signal: build.signal })
        await copyFile(join(unpacked, source), join(tree, target))
      }
      // One thread, because the output depends on their number; CRC32, because busybox checks no other sum.
      await run('xz', ['-9e', '--threads=1', '--check=crc32', '--stdout'], {
        input: await packTree(tree, build.epochSeconds), stdoutFile: join(out, 'loaders.tar.xz'), signal: build.signal,
      })
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  },
}
