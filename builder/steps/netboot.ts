import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import Handlebars from 'handlebars'
import { kernelArguments } from '../image/boot-menu.ts'
import { encodeCpio, type CpioEntry } from '../image/cpio.ts'
import { foldersOf } from '../image/initramfs-entries.ts'
import { filesBelow, largeFiles } from '../image/medium.ts'
import { SECRET_FILES } from '../image/secrets.ts'
import { fileInputs } from '../pipeline/inputs.ts'
import type { Step } from '../pipeline/step.ts'
import { agentBundle } from './agent-bundle.ts'
import { bootMenu } from './boot-menu.ts'
import { firmware } from './firmware.ts'
import { initramfs } from './initramfs.ts'
import { kernel } from './kernel.ts'
import { modulesSquashfs } from './modules-squashfs.ts'
import { packages } from './packages.ts'
import { rootSquashfs } from './root-squashfs.ts'

const SECRETS: ReadonlySet<string> = new Set(Object.values(SECRET_FILES))
const TEMPLATE = 'templates/boot.ipxe.hbs'
/**
 * For machines that start over the network. Result: netboot/{bzImage,initrd,boot.ipxe}, of the default kernel; the initrd carries all of the
 * medium that it needs.
 */
export const netboot: Step = {
  id: 'netboot',
  title: 'Write the netboot files',
  needs: [firmware, rootSquashfs, agentBundle, packages, bootMenu],
  needsOfKernel: (name) => [kernel(name), initramfs(name), modulesSquashfs(name)],
  codeUrl: import.meta.url,
  inputs: async (build) => ({
    ...await fileInputs(build.paths.project, [TEMPLATE]), epoch: String(build.epochSeconds),
    settings: JSON.stringify([build.config.console.serial, { ...build.config.kernels, folder: undefined }, build.config.menu.title]), version: build.version,
  }),
  async run({ build, out, result }) {
    const menu = join(result(bootMenu), 'medium')
    const large = largeFiles({
      kernels: build.kernels.map((name) => ({ name, kernel: result(kernel(name)), initramfs: result(initramfs(name)), modules: result(modulesSquashfs(name)) })),
      firmware: result(firmware),
      root: result(rootSquashfs),
      agent: result(agentBundle),
    })
    const carried = [...await filesBelow(menu), ...await filesBelow(join(result(packages), 'medium')), ...large].filter(({ path }) => isCarried(path, build.config.kernels.default))
    const entries: CpioEntry[] = await Promise.all(carried.map(async ({ path, source }) => ({
      kind: 'file' as const, path: `medium/${path}`, mode: SECRETS.has(path) ? 0o600 : 0o644, data: await readFile(source),
    })))
    const archive = encodeCpio([...foldersOf(entries.map(({ path }) => path)), ...entries], build.epochSeconds)
    const chosen = build.config.kernels.default
    const small = await readFile(join(result(initramfs(chosen)), 'initrd'))
    const folder = join(out, 'netboot')
    await mkdir(folder)
    await copyFile(join(result(kernel(chosen)), 'bzImage'), join(folder, 'bzImage'))
    // A further archive begins on a multiple of 4; zeros between archives are skipped (buffer-format.rst).
    await writeFile(join(folder, 'initrd'), Buffer.concat([small, Buffer.alloc((4 - (small.length % 4)) % 4), archive]))
    await writeFile(join(folder, 'boot.ipxe'), await renderScript(build.paths.project, {
      title: `${build.config.menu.title} ${build.version}`,
      arguments: kernelArguments(build.config, chosen, (await readFile(join(menu, 'plump/image-id'), 'utf8')).trim()),
    }))
  },
}

/** What of the medium the initramfs needs; kernel and small initrd have come by the network already. */
function isCarried(path: string, kernelName: string): boolean {
  // contents.json is for inspect; a node has no use for it.
  if (path === 'plump/contents.json') return false
  return path.startsWith('live/') || path.startsWith('plump/') || path.startsWith('packages/') || path === `kernels/${kernelName}/modules.sqfs`
}

async function renderScript(project: string, values: { title: string; arguments: string }): Promise<string> {
  return Handlebars.compile(await readFile(join(project, TEMPLATE), 'utf8'), { noEscape: true, strict: true })(values)
}
