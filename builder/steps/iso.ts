import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { volumeId } from '../image/finished-iso.ts'
import { hybridBootSector } from '../image/grub-bios.ts'
import { isoArguments } from '../image/iso.ts'
import { filesBelow, largeFiles } from '../image/medium.ts'
import { run } from '../os/run.ts'
import { toolVersions } from '../os/tool-version.ts'
import { fileSha256 } from '../pipeline/tree-digest.ts'
import type { Step } from '../pipeline/step.ts'
import { agentBundle } from './agent-bundle.ts'
import { bootMenu } from './boot-menu.ts'
import { esp } from './esp.ts'
import { firmware } from './firmware.ts'
import { initramfs } from './initramfs.ts'
import { kernel } from './kernel.ts'
import { modulesSquashfs } from './modules-squashfs.ts'
import { packages } from './packages.ts'
import { rootSquashfs } from './root-squashfs.ts'

/** Puts everything on one medium. Result: plump.iso. */
export const iso: Step = {
  id: 'iso',
  title: 'Write the ISO',
  needs: [firmware, rootSquashfs, agentBundle, packages, bootMenu, esp],
  needsOfKernel: (name) => [kernel(name), initramfs(name), modulesSquashfs(name)],
  codeUrl: import.meta.url,
  inputs: async (build) => ({
    epoch: String(build.epochSeconds), 'boot_hybrid.img': await fileSha256(hybridBootSector()), ...await toolVersions('xorriso'),
  }),
  async run({ build, out, result }) {
    const menu = join(result(bootMenu), 'medium')
    const id = (await readFile(join(menu, 'plump/image-id'), 'utf8')).trim()
    const files = [...await filesBelow(menu), ...await filesBelow(join(result(packages), 'medium')), ...largeFiles({
      kernels: build.kernels.map((name) => ({ name, kernel: result(kernel(name)), initramfs: result(initramfs(name)), modules: result(modulesSquashfs(name)) })),
      firmware: result(firmware),
      root: result(rootSquashfs),
      agent: result(agentBundle),
    })]
    await run('xorriso', isoArguments({
      file: join(out, 'plump.iso'),
      volumeId: volumeId(id),
      epochSeconds: build.epochSeconds,
      bootSector: hybridBootSector(),
      espImage: join(result(esp), 'efi.img'),
      files,
    }), {
      // The volume's own dates and the identifiers made from them.
      env: { SOURCE_DATE_EPOCH: String(build.epochSeconds) },
      signal: build.signal,
      onCommand: (commandLine) => build.emit({ type: 'command', commandLine }),
    })
  },
}
