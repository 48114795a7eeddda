import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { PACKED_LOADERS, PACKED_SERVER } from '../../schema/boot-server/serve-medium.ts'
import { librariesByName } from '../debian/check-libraries.ts'
import { elfNeeds } from '../debian/elf.ts'
import { BOOT_SERVER_PACKAGES } from '../debian/root-packages.ts'
import { PlumpError } from '../errors.ts'
import { packTree } from '../image/pack-tree.ts'
import { run } from '../os/run.ts'
import { toolVersions } from '../os/tool-version.ts'
import type { Build } from '../pipeline/build.ts'
import type { Step } from '../pipeline/step.ts'
import { fetchPackages } from './fetch-packages.ts'
import { nodeRuntime } from './node-runtime.ts'
import { unpackRoot } from './unpack-root.ts'

/**
 * What a machine that starts over the network is given first, by their names there: iPXE for BIOS; for UEFI Debian's signed shim, which
 * asks for grubx64.efi beside itself, and the signed GRUB that can use the network.
 */
const LOADERS: readonly { package: string; source: string; name: string }[] = [
  { package: 'ipxe', source: 'usr/lib/ipxe/undionly.kpxe', name: 'undionly.kpxe' },
  { package: 'shim-signed', source: 'usr/lib/shim/shimx64.efi.signed', name: 'shimx64.efi' },
  { package: 'grub-efi-amd64-signed', source: 'usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed', name: 'grubx64.efi' },
]
const DNSMASQ = 'usr/sbin/dnsmasq'

/**
 * Packs the boot loaders for the network, and dnsmasq for nodes that serve, so that any machine that has the medium can serve it. Result: loaders.tar.xz
 * and server.tar.xz.
 */
export const netbootLoaders: Step = {
  id: 'netboot-loaders',
  title: 'Pack the boot loaders for the network',
  needs: [fetchPackages, unpackRoot, nodeRuntime],
  codeUrl: import.meta.url,
  inputs: async (build) => ({ epoch: String(build.epochSeconds), ...await toolVersions('dpkg-deb', 'xz') }),
  async run({ build, out, result }) {
    const scratch = await mkdtemp(join(tmpdir(), 'plump-loaders-'))
    const unpacked = async (name: string, folder: string): Promise<void> => {
      await run('dpkg-deb', ['-x', join(result(fetchPackages), 'debs', `${name}.deb`), folder], { signal: build.signal })
    }
    try {
      const [loaders, server, parts] = [join(scratch, 'loaders'), join(scratch, 'server'), join(scratch, 'parts')]
      await mkdir(loaders)
      for (const { package: name, source, name: target } of LOADERS) {
        await unpacked(name, join(scratch, name))
        await copyFile(join(scratch, name, source), join(loaders, target))
      }
      await pack(build, loaders, join(out, basename(PACKED_LOADERS)))
      for (const name of BOOT_SERVER_PACKAGES) await unpacked(name, parts)
      const inRoot = await Promise.all([unpackRoot, nodeRuntime].map((step) => librariesByName(join(result(step), 'root'))))
      await collectServer(parts, server, new Set(inRoot.flatMap((libraries) => [...libraries.keys()])))
      await pack(build, server, join(out, basename(PACKED_SERVER)))
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  },
}

/** Puts dnsmasq, and those of its libraries that are not `inRoot`, into one folder. Throws LIBRARY_MISSING. */
async function collectServer(parts: string, target: string, inRoot: ReadonlySet<string>): Promise<void> {
  await mkdir(target)
  const available = await librariesByName(parts)
  const wanted = [{ name: 'dnsmasq', path: DNSMASQ }]
  for (const { name, path } of wanted) {
    const file = await readFile(join(parts, path))
    await copyFile(join(parts, path), join(target, name))
    for (const library of elfNeeds(file)?.libraries ?? []) {
      if (inRoot.has(library) || wanted.some((one) => one.name === library)) continue
      const found = available.get(library)
      if (found === undefined) {
        throw new PlumpError('LIBRARY_MISSING', `${name} needs ${library}, and neither the root nor a package has it: nodes could not serve`, { fix: 'add its package to BOOT_SERVER_PACKAGES in builder/debian/root-packages.ts' })
      }
      wanted.push({ name: library, path: found })
    }
  }
}

/** One thread, because the output depends on their number; CRC32, because busybox checks no other sum. */
async function pack(build: Build, tree: string, target: string): Promise<void> {
  await run('xz', ['-9e', '--threads=1', '--check=crc32', '--stdout'], { input: await packTree(tree, build.epochSeconds), stdoutFile: target, signal: build.signal })
}
