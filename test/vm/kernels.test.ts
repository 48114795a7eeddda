import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { beforeAll, expect, test } from 'vitest'
import { run } from '../../builder/os/run.ts'
import { PROJECT_FOLDER } from '../../builder/version.ts'
import { kernelDescriptionSchema, kernelListSchema } from '../../schema/kernel-description.ts'
import { differencesSchema, inspectionSchema } from '../../schema/inspection.ts'
import { buildVariant, variantFolder } from './support/variant.ts'
import { until } from './support/until.ts'
import { members, withLab } from './support/with-lab.ts'

const PLUMP = join(PROJECT_FOLDER, 'plump')
/** The menu waits long enough for a slow machine to type at it. */
const YAML = 'kernels:\n  folder: kernels\n  byName:\n    cloud:\n      arguments: ipv6.disable=1\nmenu:\n  timeoutSeconds: 120\n'
const MENU_LIMIT_SECONDS = 120

/**
 * The same kernel once more, from files: of its modules a third each is plain, .gz and .zst, all that Linux has besides Debian's .xz.
 */
async function addMixedKernel(folder: string, config: string): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'plump-mixed-'))
  try {
    await run('tar', ['-C', scratch, '-xf', join(folder, 'cloud/modules.tgz')])
    const modules = (await readdir(scratch, { recursive: true })).filter((path) => path.endsWith('.ko.xz')).map((path) => join(scratch, path.replace(/\.xz$/, '')))
    await run('xz', ['-d', ...modules.map((path) => `${path}.xz`)])
    for (const [index, path] of modules.entries()) {
      const packed = [undefined, { ending: '.gz', pack: gzipSync }, { ending: '.zst', pack: zstdCompressSync }][index % 3]
      if (!packed) continue
      await writeFile(`${path}${packed.ending}`, packed.pack(await readFile(path)))
      await rm(path)
    }
    const [version = ''] = await readdir(join(scratch, 'lib/modules'))
    const image = ['--image', join(folder, 'cloud/bzImage'), '--modules', join(scratch, 'lib/modules', version), '--kernel-config', join(folder, 'cloud/config')]
    await run(PLUMP, ['kernel', 'add', 'mixed.ko', '--config', config, ...image])
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

let iso = ''
let added: unknown
beforeAll(async () => {
  const folder = variantFolder('kernels')
  await mkdir(folder, { recursive: true })
  await rm(join(folder, 'kernels'), { recursive: true, force: true })
  await writeFile(join(folder, 'plump.yaml'), YAML)
  added = JSON.parse(await run(PLUMP, ['kernel', 'add', 'cloud', '--suite-package', 'linux-image-cloud-amd64', '--config', join(folder, 'plump.yaml'), '--json']))
  await addMixedKernel(join(folder, 'kernels'), join(folder, 'plump.yaml'))
  iso = await buildVariant('kernels', YAML)
})

test('kernel add and list tell what will not work with which kernel', async () => {
  expect(kernelDescriptionSchema.parse(added)).toMatchObject({ name: 'cloud', signature: 'debian', version: expect.stringContaining('cloud') })
  const text = await run(PLUMP, ['kernel', 'list', '--config', join(variantFolder('kernels'), 'plump.yaml'), '--json'])
  const { kernels, default: chosen } = kernelListSchema.parse(JSON.parse(text))
  expect(chosen).toBe('debian')
  expect(kernels.map(({ name }) => name)).toEqual(['debian', 'cloud', 'mixed.ko'])
  expect(kernels.map(({ lacks }) => lacks.map(({ config }) => config).includes('CONFIG_USB_STORAGE'))).toEqual([false, true, true])
  expect(Object.keys(kernels[2]?.modules.formats ?? {}).toSorted()).toEqual(['.ko', '.ko.gz', '.ko.zst'])
})

test('inspect tells an ISO with that kernel from the one without, and a damaged one from both', async () => {
  const found = inspectionSchema.parse(JSON.parse(await run(PLUMP, ['inspect', iso, '--json'])))
  expect(found.contents.kernels.map(({ name }) => name)).toEqual(['debian', 'cloud', 'mixed.ko'])
  expect(found.menu.map(({ id }) => id)).toEqual(['debian', 'cloud', 'mixed.ko', 'ram', 'check', 'rescue'])
  expect(found).toMatchObject({ damaged: [], checksumFile: 'matches', secret: true, bootWays: { biosCd: true, biosDisk: true, uefiCd: true, uefiDisk: true, secureBoot: true, network: true } })
  const plain = await buildVariant('kernels-none', 'cluster:\n  key: ask\n')
  const differences = differencesSchema.parse(JSON.parse(await run(PLUMP, ['inspect', plain, iso, '--json'])))
  expect(differences).toContainEqual({ what: 'kernel', name: 'cloud', after: found.contents.kernels[1]?.version })
  expect(differences).toContainEqual({ what: 'image', name: 'cluster key', before: 'not embedded', after: 'embedded' })
  expect(differences.filter(({ what }) => what === 'package')).toEqual([])
  const bytes = await readFile(iso)
  const half = Math.floor(bytes.length / 2)
  bytes.writeUInt8(bytes.readUInt8(half) ^ 1, half)
  const damaged = join(variantFolder('kernels'), 'damaged.image')
  await writeFile(damaged, bytes)
  await expect(run(PLUMP, ['inspect', damaged])).rejects.toMatchObject({ message: expect.stringMatching(/error\[DAMAGED\]: .* is not what was built: \w+\//) })
})

test('a kernel started by its name at the menu, one with modules in all formats, and a node whose CD was taken out are members of one cluster', async () => {
  await withLab({ nodes: 2, medium: 'cd', iso }, async (lab) => {
    const [named, copied] = [lab.node(1), lab.node(2)]
    await Promise.all([named, copied].map((node) => node.waitForText(/\[2\] Plump \S+ \(cloud /, { limitSeconds: MENU_LIMIT_SECONDS })))
    await named.type('c')
    await named.waitForText(/grub>/, { limitSeconds: MENU_LIMIT_SECONDS })
    await named.type('cloud plump.debug\n')
    await copied.type('r')

    await copied.waitForText(/the medium is free and can be taken out/)
    await copied.eject()
    await expect(named.waitForStage('root')).resolves.toBeDefined()
    await expect(named.eject()).rejects.toMatchObject({ code: 'HELD' })
    const mixed = await lab.add({ medium: 'kernel', kernel: 'mixed.ko', iso })
    await Promise.all(lab.nodes.map((node) => node.waitForStage('joined')))
    expect((await mixed.exec('lsmod')).stdout).toContain('wireguard')

    const { stdout: started } = await named.exec('uname -r; cat /proc/cmdline; lsmod')
    expect(started).toMatch(/^6\.\S+-cloud-amd64\n.* ipv6\.disable=1 plump\.debug\n/)
    expect(started).toContain('wireguard')
    // Everything is read again, from memory: nothing of it can come from the disc.
    const { stdout: read, exitCode } = await copied.exec('echo 3 > /proc/sys/vm/drop_caches; cat /usr/bin/* > /dev/null && plump version && grep -c sr0 /proc/mounts', { limitSeconds: 300 })
    expect([read.trim().split('\n').at(-1), exitCode]).toEqual(['0', 1])
    for (const node of lab.nodes) {
      await until(`node ${node.number} sees three members`, 60, async () => (await members(node)).filter(({ state }) => state === 'alive').length === 3)
    }
  })
})
