import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { PACKED_LOADERS, PACKED_SERVER } from '../../schema/boot-server/serve-medium.ts'
import { makeBootMenu, networkMenu, renderBootMenu } from '../image/boot-menu.ts'
import { makeBiosImage } from '../image/grub-bios.ts'
import { imageId, imageIdWithPackages } from '../image/image-id.ts'
import { describeFiles, describeText, filesBelow, formatManifest, largeFiles, type ManifestLine } from '../image/medium.ts'
import { nodeJson } from '../image/node-json.ts'
import { SECRET_FILES } from '../image/secrets.ts'
import { toolVersions } from '../os/tool-version.ts'
import { fileInputs, secretInput } from '../pipeline/inputs.ts'
import type { Build } from '../pipeline/build.ts'
import type { Step } from '../pipeline/step.ts'
import { agentBundle } from './agent-bundle.ts'
import { contents } from './contents.ts'
import { firmware } from './firmware.ts'
import { initramfs } from './initramfs.ts'
import { kernel } from './kernel.ts'
import { modulesSquashfs } from './modules-squashfs.ts'
import { netbootLoaders } from './netboot-loaders.ts'
import { packages } from './packages.ts'
import { rootSquashfs } from './root-squashfs.ts'

const TEMPLATE = 'templates/grub.cfg.hbs'
/** The same menu for machines that start over the network, for GRUB (UEFI) and for iPXE (BIOS). */
const NETWORK_TEMPLATES = { 'boot/netboot/grub.cfg': 'templates/netboot-grub.cfg.hbs', 'boot/netboot/menu.ipxe': 'templates/netboot-menu.ipxe.hbs' }

/**
 * Everything on the medium that depends on which image it is. Result: medium/, with boot/grub/{grub.cfg,eltorito.img}, plump/{image-id,
 * node.json,contents.json,manifest}, boot/netboot/ for who serves the image over a network and, when it is embedded, plump/cluster.key.
 * node.json,contents.json,manifest} and the secrets it has: plump/cluster.key, plump/wifi.json.
 */
export const bootMenu: Step = {
  id: 'boot-menu',
  title: 'Write the boot menu and the image\'s settings',
  needs: [firmware, rootSquashfs, agentBundle, packages, contents, netbootLoaders],
  needsOfKernel: (name) => [kernel(name), initramfs(name), modulesSquashfs(name)],
  codeUrl: import.meta.url,
  inputs: async (build) => ({
    ...await fileInputs(build.paths.project, [TEMPLATE, ...Object.values(NETWORK_TEMPLATES)]),
    settings: JSON.stringify(settings(build)),
    version: build.version,
    'cluster key': secretInput(build.clusterKey),
    'Wi-Fi': secretInput(build.wifi),
    ...await toolVersions('grub-mkimage'),
  }),
  async run({ build, out, result }) {
    const { config, version } = build
    const files = await describeFiles(largeFiles({
      kernels: build.kernels.map((name) => ({ name, kernel: result(kernel(name)), initramfs: result(initramfs(name)), modules: result(modulesSquashfs(name)) })),
      firmware: result(firmware),
      root: result(rootSquashfs),
      agent: result(agentBundle),
    }))
    const baseId = imageId({ ...sums(files), settings: JSON.stringify(settings(build)), version, key: secretInput(build.clusterKey), ...(build.wifi === undefined ? {} : { wifi: secretInput(build.wifi) }) })
    const addOns = await describeFiles(await filesBelow(join(result(packages), 'medium')))
    const id = imageIdWithPackages(baseId, sums(addOns))
    const kernels = await Promise.all(build.kernels.map(async (name) => ({
      name, version: (await readFile(join(result(kernel(name)), 'version'), 'utf8')).trim(),
    })))
    const menu = makeBootMenu(config, kernels, id, version)
    const texts = new Map([
      ['boot/grub/grub.cfg', renderBootMenu(await readFile(join(build.paths.project, TEMPLATE), 'utf8'), menu)],
      ['plump/image-id', `${id}\n`],
      ['plump/base-id', `${baseId}\n`],
      ['plump/node.json', nodeJson(config, version, id)],
      ['plump/contents.json', await readFile(join(result(contents), 'contents.json'), 'utf8')],
      // Debian's signed GRUB takes the file system that has this file for its own.
      ['.disk/info', `Plump ${version} ${config.name} ${id}\n`],
    ])
    if (build.clusterKey !== undefined) texts.set(SECRET_FILES['cluster-key'], `${build.clusterKey}\n`)
    for (const [path, template] of Object.entries(NETWORK_TEMPLATES)) {
      texts.set(path, renderBootMenu(await readFile(join(build.paths.project, template), 'utf8'), networkMenu(menu)))
    }
    if (build.wifi !== undefined) texts.set(SECRET_FILES['wifi-passwords'], build.wifi)
    texts.set('plump/manifest', formatManifest([...files, ...addOns, ...[...texts].map(([path, text]) => describeText(path, text))]))
    for (const [path, text] of texts) {
      await mkdir(dirname(join(out, 'medium', path)), { recursive: true })
      await writeFile(join(out, 'medium', path), text)
    }
    for (const path of [PACKED_LOADERS, PACKED_SERVER]) await copyFile(join(result(netbootLoaders), basename(path)), join(out, 'medium', path))
    await makeBiosImage(join(out, 'medium/boot/grub/eltorito.img'), build.signal)
  },
}

function sums(lines: readonly ManifestLine[]): Record<string, string> {
  return Object.fromEntries(lines.map(({ path, sha256 }) => [path, sha256]))
}

function settings({ config }: Build): object {
  const { name, cluster, network, console, ssh, menu } = config
  // Where kernels lie on the build machine is no matter of the image.
  const { folder: _, ...kernels } = config.kernels
  return { name, kernels, cluster, network, console, ssh, menu }
}
