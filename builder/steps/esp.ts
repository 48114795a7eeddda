import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeEsp } from '../image/esp.ts'
import { run } from '../os/run.ts'
import { toolVersions } from '../os/tool-version.ts'
import type { Step } from '../pipeline/step.ts'
import { fetchPackages } from './fetch-packages.ts'

/**
 * The EFI system partition: Debian's signed shim, which PCs with Secure Boot accept, and the GRUB it signed. gcdx64 is the one
 * for CDs: it looks for the file system with /.disk/info and takes the menu from its /boot/grub. Result: efi.img.
 */
export const esp: Step = {
  id: 'esp',
  title: 'Make the EFI system partition',
  needs: [fetchPackages],
  codeUrl: import.meta.url,
  inputs: async (build) => ({ epoch: String(build.epochSeconds), ...await toolVersions('mtools', 'dpkg-deb') }),
  async run({ build, out, result }) {
    const scratch = await mkdtemp(join(tmpdir(), 'plump-esp-'))
    try {
      for (const name of ['shim-signed', 'grub-efi-amd64-signed']) {
        await run('dpkg-deb', ['-x', join(result(fetchPackages), 'debs', `${name}.deb`), scratch], { signal: build.signal })
      }
      await makeEsp(join(out, 'efi.img'), [
        { path: 'EFI/BOOT/BOOTX64.EFI', source: join(scratch, 'usr/lib/shim/shimx64.efi.signed') },
        { path: 'EFI/BOOT/grubx64.efi', source: join(scratch, 'usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed') },
      ], build.epochSeconds, join(scratch, 'files'), build.signal)
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  },
}
