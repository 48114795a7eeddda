import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import Handlebars from 'handlebars'
import { kernelArguments } from '../image/boot-menu.ts'
import { encodeCpio, type CpioEntry } from '../image/cpio.ts'
import { foldersOf } from '../image/initramfs-entries.ts'
import { filesBelow, largeFiles } from '../image/medium.ts'
import { DEBIAN_KERNEL } from '../kernel/kernels.ts'
import { fileInputs } from '../pipeline/inputs.ts'
import type { Step } from '../pipeline/step.ts'
import { agentBundle } from './agent-bundle.ts'
import { bootMenu } from './boot-menu.ts'
import { initramfs } from './initramfs.ts'
import { kernel } from './kernel.ts'
import { modulesSquashfs } from './modules-squashfs.ts'
import { rootSquashfs } from './root-squashfs.ts'

const TEMPLATE = 'templates/boot.ipxe.hbs'
/** What of the medium the initramfs needs; kernel and small initrd have come by the network already. */
const IN_INITRD = /^(live\/|plump\/|kernels\/[^/]+\/modules\.sqfs$)/

/** For machines that start over the network. Result: netboot/{bzImage,initrd,boot.ipxe}, the initrd carrying the whole medium. */
export const netboot: Step = {
  id: 'netboot',
  title: 'Write the netboot files',
  needs: [kernel, initramfs, modulesSquashfs, rootSquashfs, agentBundle, bootMenu],
  codeUrl: import.meta.url,
  inputs: async (build) => ({
    ...await fileInputs(build.paths.project, [TEMPLATE]), epoch: String(build.epochSeconds),
    settings: JSON.stringify([build.config.console.serial, build.config.kernels, build.config.menu.title]), version: build.version,
  }),
  async run({ build, out, result }) {
    const menu = join(result(bootMenu), 'medium')
    const large = largeFiles({
      kernel: result(kernel), initramfs: result(initramfs), modules: result(modulesSquashfs), root: result(rootSquashfs), agent: result(agentBundle),
    })
    const carried = [...await filesBelow(menu), ...large].filter(({ path }) => IN_INITRD.test(path))
    const entries: CpioEntry[] = await Promise.all(carried.map(async ({ path, source }) => ({
      kind: 'file' as const, path: `medium/${path}`, mode: path === 'plump/cluster.key' ? 0o600 : 0o644, data: await readFile(source),
    })))
    const archive = encodeCpio([...foldersOf(entries.map(({ path }) => path)), ...entries], build.epochSeconds)
    const small = await readFile(join(result(initramfs), DEBIAN_KERNEL, 'initrd'))
    const folder = join(out, 'netboot')
    await mkdir(folder)
    await copyFile(join(result(kernel), DEBIAN_KERNEL, 'bzImage'), join(folder, 'bzImage'))
    // A further archive begins on a multiple of 4; zeros between archives are skipped (buffer-format.rst).
    await writeFile(join(folder, 'initrd'), Buffer.concat([small, Buffer.alloc((4 - (small.length % 4)) % 4), archive]))
    await writeFile(join(folder, 'boot.ipxe'), await renderScript(build.paths.project, {
      title: `${build.config.menu.title} ${build.version}`,
      arguments: kernelArguments(build.config, (await readFile(join(menu, 'plump/image-id'), 'utf8')).trim()),
    }))
  },
}

async function renderScript(project: string, values: { title: string; arguments: string }): Promise<string> {
  return Handlebars.compile(await readFile(join(project, TEMPLATE), 'utf8'), { noEscape: true, strict: true })(values)
}
