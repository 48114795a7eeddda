import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkKernels } from '../../builder/config/check-kernels.ts'
import { loadConfig } from '../../builder/config/load-config.ts'
import { PlumpError } from '../../builder/errors.ts'
import { addKernel } from '../../builder/kernel/add-kernel.ts'
import { parseBzImage } from '../../builder/kernel/bzimage.ts'
import { describeKernel, kernelWarnings, type KernelParts } from '../../builder/kernel/describe-kernel.ts'
import { mergeWishes } from '../../builder/kernel/firmware.ts'
import { checkKernelName, proposeKernelName } from '../../builder/kernel/kernel-names.ts'
import type { ModuleInfo } from '../../builder/kernel/module-info.ts'
import { findOwnKernels, ownKernelFiles } from '../../builder/kernel/own-kernels.ts'
import { isPackedModule, unpackedPath, unpackModule } from '../../builder/kernel/packed-modules.ts'
import { findLacks, parseKernelConfig, REQUIREMENTS } from '../../builder/kernel/requirements.ts'
import { unpackKernelPackage, unpackOwnKernel } from '../../builder/kernel/unpack-kernel.ts'
import { run } from '../../builder/os/run.ts'
import { ownKernelsFolder } from '../../builder/pipeline/open-build.ts'
import { KERNEL_NAME, plumpYamlSchema } from '../../schema/plump-yaml.ts'
import { temporaryFolder, trialBuild } from './pipeline-helpers.ts'

const VERSION = '6.6.1-mine'

/** The head of a 64-bit bzImage of boot protocol 2.15, and behind it, when it is signed, a certificate table. */
function bzImage(version = VERSION, signer?: string): Buffer {
  const image = Buffer.alloc(4096)
  image.writeUInt16LE(0xaa55, 0x1fe)
  image.write('HdrS', 0x202)
  image.writeUInt16LE(0x020f, 0x206)
  image.writeUInt16LE(0x600, 0x20e)
  image.writeUInt16LE(1, 0x236)
  image.write(`${version} (me@here) #1 SMP\0`, 0x800)
  image.writeUInt32LE(0x40, 0x3c)
  image.write('PE\0\0', 0x40)
  image.writeUInt16LE(0x20b, 0x40 + 24)
  if (signer === undefined) return image
  const certificate = Buffer.from(`........${signer}`)
  image.writeUInt32LE(image.length, 0x40 + 24 + 144)
  image.writeUInt32LE(certificate.length, 0x40 + 24 + 148)
  return Buffer.concat([image, certificate])
}

describe('the head of a bzImage', () => {
  test('gives the version and who signed it', () => {
    expect(parseBzImage(bzImage(), 'f')).toEqual({ version: VERSION, signature: 'none' })
    expect(parseBzImage(bzImage('6.12.1+deb13-amd64', 'Debian Secure Boot CA'), 'f')).toEqual({ version: '6.12.1+deb13-amd64', signature: 'debian' })
    expect(parseBzImage(bzImage(VERSION, 'My own key'), 'f').signature).toBe('other')
  })

  test.each([
    ['an ELF vmlinux', Buffer.concat([Buffer.from('\x7fELF'), Buffer.alloc(4096)]), 'vmlinux'],
    ['a text', Buffer.from('hello'), 'no boot header'],
    ['a 32-bit kernel', ((image) => (image.writeUInt16LE(0, 0x236), image))(bzImage()), '32-bit'],
    ['a kernel of 2012', ((image) => (image.writeUInt16LE(0x020b, 0x206), image))(bzImage()), 'older than'],
    ['one without a version', bzImage('?'), 'does not say its version'],
  ])('%s is refused with the reason', (_, image, reason) => {
    expect(() => parseBzImage(image, 'kernels/x/bzImage')).toThrow(expect.objectContaining({ code: 'BZIMAGE', message: expect.stringContaining(reason) }))
  })

  test('whatever is in a file, the answer is a version or an error of ours', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 5000 }), fc.array(fc.tuple(fc.nat(4095), fc.nat(255)), { maxLength: 20 }), (random, changes) => {
      const changed = bzImage(VERSION, 'x')
      for (const [at, value] of changes) changed[at] = value
      for (const image of [Buffer.from(random), changed]) {
        try {
          expect(parseBzImage(image, 'f').version).not.toBe('')
        } catch (error) {
          expect(error).toBeInstanceOf(PlumpError)
        }
      }
    }))
  })
})

describe('names of kernels', () => {
  test.each([
    ['linux-6.12-rt', [], 'linux612rt'.slice(0, 8)],
    ['my_kernel.old', [], 'mykernel.old'],
    ['verylongname', [], 'verylong'],
    ['rt', ['RT'], 'rt2'],
    ['verylongname', ['verylong', 'verylon2'], 'verylon3'],
    ['---', [], 'kernel'],
  ])('for %s with %j there, another is proposed', (name, taken, proposed) => {
    expect(proposeKernelName(name, taken)).toBe(proposed)
  })

  test('what is proposed is always allowed and free', () => {
    fc.assert(fc.property(fc.string(), fc.array(fc.stringMatching(KERNEL_NAME), { maxLength: 20 }), (name, taken) => {
      expect(() => checkKernelName(proposeKernelName(name, taken), taken, '')).not.toThrow()
    }))
  })

  test('a wrong one, one there is and Debian\'s own are refused', () => {
    expect(() => checkKernelName('linux-rt', [], 'kernels/linux-rt')).toThrow(expect.objectContaining({ code: 'KERNEL_NAME', fix: 'call it linuxrt', exitCode: 2 }))
    expect(() => checkKernelName('Debian', ['debian'], 'x')).toThrow('which every image has')
    expect(() => checkKernelName('rt', ['Rt'], 'x')).toThrow('there is a kernel Rt')
  })
})

describe('the folder of kernels', () => {
  test('gives the names of all kernels in it', async () => {
    const folder = await kernelFolder({ 'rt/bzImage': bzImage(), 'rt/modules.tgz': '', 'rt/config': '', 'README.md': '', '.half/bzImage': '', 'a.b/bzImage': bzImage(), 'a.b/modules.tgz': '' })
    expect(await findOwnKernels(folder)).toEqual(['a.b', 'rt'])
    expect(await ownKernelFiles(folder, 'rt')).toEqual(['rt/bzImage', 'rt/modules.tgz', 'rt/config'])
    expect(await findOwnKernels(join(folder, 'absent'))).toEqual([])
  })

  test('a kernel without its files, or whose image is none, stops the build before it starts', async () => {
    await expect(findOwnKernels(await kernelFolder({ 'rt/config': '' }))).rejects.toMatchObject({ code: 'KERNEL_FILES', message: expect.stringContaining('no bzImage and no modules.tgz') })
    await expect(findOwnKernels(await kernelFolder({ 'rt/bzImage': 'x', 'rt/modules.tgz': '' }))).rejects.toMatchObject({ code: 'BZIMAGE' })
    await expect(findOwnKernels(await kernelFolder({ 'linux-rt/bzImage': '' }))).rejects.toMatchObject({ code: 'KERNEL_NAME' })
  })

  test('is kernels/ of the checkout, or what plump.yaml says, relative to it', () => {
    expect(ownKernelsFolder(plumpYamlSchema.parse({}), '/x/plump.yaml')).toMatch(/\/kernels$/)
    expect(ownKernelsFolder(plumpYamlSchema.parse({ kernels: { folder: 'mine' } }), '/x/plump.yaml')).toBe('/x/mine')
  })
})

function module(name: string, ending = '.ko.xz', signed = true): ModuleInfo {
  return { name, path: `kernel/${name}${ending}`, depends: [], softdepPre: [], softdepPost: [], weakdep: [], firmware: [], aliases: [], signed }
}

const ALL_MODULES = REQUIREMENTS.flatMap(({ module: name }) => (name === undefined ? [] : [module(name)]))
const ALL_BUILT_IN = new Map(REQUIREMENTS.map(({ config }) => [config, 'y']))

function parts(changes: Partial<KernelParts> = {}): KernelParts {
  return {
    name: 'mine', image: { version: VERSION, signature: 'debian', bytes: 4096, sha256: 'ab'.repeat(32) }, modulesVersion: VERSION,
    modules: { modules: [module('loop')], builtin: { names: [], aliases: [], firmware: [] } }, config: ALL_BUILT_IN, ...changes,
  }
}

describe('what a kernel must have', () => {
  test('with all of it there is nothing to say', () => {
    expect(kernelWarnings(describeKernel(parts()))).toEqual([])
  })

  test('each missing thing is named as the kernel calls it, with what will not work', () => {
    const config = new Map([...ALL_BUILT_IN].filter(([key]) => key !== 'CONFIG_WIREGUARD' && key !== 'CONFIG_CHECKPOINT_RESTORE'))
    expect(kernelWarnings(describeKernel(parts({ config })))).toEqual([
      expect.stringMatching(/^kernel mine lacks CONFIG_WIREGUARD: there is no mesh/), expect.stringMatching(/lacks CONFIG_CHECKPOINT_RESTORE: jobs cannot migrate/),
    ])
  })

  test('=m without the module in the tarball is missing too', () => {
    const config = new Map([...ALL_BUILT_IN, ['CONFIG_NFSD', 'm'], ['CONFIG_ZRAM', 'm']])
    expect(findLacks(config, { modules: [module('zram')], builtin: { names: [], aliases: [], firmware: [] } }).missing.map(({ config: key }) => key)).toEqual(['CONFIG_NFSD'])
  })

  test('without its config, modules and what is built in tell what they can; the rest is said to be unknown', () => {
    const { missing, unknown } = findLacks(undefined, { modules: ALL_MODULES.filter(({ name }) => name !== 'usbhid' && name !== 'vfat'), builtin: { names: ['vfat'], aliases: [], firmware: [] } })
    expect(missing.map(({ config }) => config)).toEqual(['CONFIG_USB_HID'])
    expect(unknown.map(({ config }) => config)).toContain('CONFIG_CHECKPOINT_RESTORE')
  })

  test('a kernel no node could start with is refused, with all that it lacks', () => {
    const config = new Map([...ALL_BUILT_IN].filter(([key]) => key !== 'CONFIG_SQUASHFS' && key !== 'CONFIG_OVERLAY_FS'))
    expect(() => describeKernel(parts({ config }))).toThrow(expect.objectContaining({ code: 'KERNEL_LACKS', message: expect.stringMatching(/CONFIG_SQUASHFS: [\s\S]*CONFIG_OVERLAY_FS: /) }))
  })

  test('modules of another version are refused', () => {
    expect(() => describeKernel(parts({ modulesVersion: '6.6.2' }))).toThrow(expect.objectContaining({ code: 'KERNEL_VERSION', message: expect.stringContaining(`bzImage is ${VERSION} and its modules are for 6.6.2`) }))
  })

  test('all compressions Linux knows are counted, others refused', () => {
    const modules = ['.ko', '.ko.xz', '.ko.zst', '.ko.gz', '.ko.gz'].map((ending, index) => module(`m${index}`, ending))
    expect(describeKernel(parts({ modules: { ...parts().modules, modules } })).modules.formats).toEqual({ '.ko': 1, '.ko.xz': 1, '.ko.zst': 1, '.ko.gz': 2 })
    expect(() => describeKernel(parts({ modules: { ...parts().modules, modules: [module('m', '.ko.lz4')] } }))).toThrow('cannot be loaded')
  })

  test('what Secure Boot does with it is said plainly', () => {
    const unsigned = describeKernel(parts({ image: { ...parts().image, signature: 'none' }, modules: { ...parts().modules, modules: [module('a'), module('b', '.ko', false)] } }))
    expect(unsigned.notes).toEqual([expect.stringMatching(/not signed: a PC with Secure Boot on does not start it/), expect.stringMatching(/^1 of its 2 modules are not signed: with Secure Boot on/)])
    expect(describeKernel(parts({ image: { ...parts().image, signature: 'other' } })).notes).toEqual([expect.stringMatching(/only on PCs where its key is enrolled/)])
  })

  test('a kernel configuration is read as the kernel writes it', () => {
    expect(parseKernelConfig('# comment\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C="x"\n')).toEqual(new Map([['CONFIG_A', 'y'], ['CONFIG_C', '"x"']]))
  })
})

test('modules in .gz and .zst are unpacked, others stay as they are', async () => {
  const folder = await kernelFolder({ 'a.ko.gz': gzipSync('module'), 'b.ko.zst': zstdCompressSync('module') })
  for (const name of ['a.ko.gz', 'b.ko.zst']) expect((await unpackModule(join(folder, name))).toString()).toBe('module')
  expect(['k/a.ko', 'k/a.ko.xz', 'k/a.ko.gz', 'k/a.ko.zst'].map((path) => [isPackedModule(path), unpackedPath(path)])).toEqual([
    [false, 'k/a.ko'], [false, 'k/a.ko.xz'], [true, 'k/a.ko'], [true, 'k/a.ko'],
  ])
})

test('plump.yaml can only name kernels that the image has', () => {
  const config = loadConfig('kernels:\n  default: rt\n  byName:\n    rt: {arguments: nosmt}\n    gone: {}\n', 'plump.yaml')
  expect(() => checkKernels(config, ['debian', 'rt'])).toThrow(expect.objectContaining({ code: 'CONFIG', message: 'kernels.byName: the image has no kernel "gone"' }))
  expect(() => loadConfig('kernels:\n  byName:\n    rt: {argument: nosmt}\n', 'plump.yaml')).toThrow(/unknown key kernels\.byName\.rt\.argument; did you mean kernels\.byName\.rt\.arguments\?/)
})

test('firmware of several kernels is asked for once', () => {
  expect(mergeWishes([{ name: 'b', firmware: ['2'] }, { name: 'a', firmware: ['1'] }, { name: 'b', firmware: ['2', '0'] }])).toEqual([{ name: 'a', firmware: ['1'] }, { name: 'b', firmware: ['0', '2'] }])
})

describe('taking kernels apart', () => {
  test('a package becomes image, config and modules', async () => {
    const deb = await kernelPackage({ [`boot/vmlinuz-${VERSION}`]: bzImage(), [`boot/config-${VERSION}`]: 'CONFIG_A=y\n', [`lib/modules/${VERSION}/modules.builtin`]: 'kernel/fs/x.ko\n' })
    const folder = temporaryFolder()
    expect(await unpackKernelPackage(deb, folder, new AbortController().signal)).toBe(VERSION)
    expect((await readdir(folder)).toSorted()).toEqual(['bzImage', 'config', 'modules', 'version'])
    expect((await readdir(join(folder, 'modules'))).toSorted()).toEqual(['modules.builtin', 'modules.builtin.modinfo', 'modules.order'])
  })

  test('a package without a kernel is refused', async () => {
    const deb = await kernelPackage({ 'usr/include/linux/x.h': '' })
    await expect(unpackKernelPackage(deb, temporaryFolder(), new AbortController().signal)).rejects.toMatchObject({ code: 'KERNEL_PACKAGE' })
  })

  test('kernel add leaves the layout of the folder of kernels, the same bytes each time, and what the SBOM needs', async () => {
    const deb = await kernelPackage({ [`boot/vmlinuz-${VERSION}`]: bzImage(), [`boot/System.map-${VERSION}`]: '', [`usr/lib/modules/${VERSION}/kernel/a.ko`]: 'a' })
    const { build } = trialBuild()
    for (const name of ['one', 'two']) await addKernel(build, name, { kind: 'deb', file: deb })
    expect(await findOwnKernels(build.paths.kernels)).toEqual(['one', 'two'])
    expect((await readdir(join(build.paths.kernels, 'one'))).toSorted()).toEqual(['System.map', 'bzImage', 'modules.tgz', 'origin.json'])
    const [first, second] = await Promise.all(['one', 'two'].map((name) => readFile(join(build.paths.kernels, name, 'modules.tgz'))))
    expect(first?.equals(second ?? Buffer.alloc(0))).toBe(true)
    expect(JSON.parse(await readFile(join(build.paths.kernels, 'one/origin.json'), 'utf8'))).toMatchObject({ package: 'linux-image-mine', version: '1', suite: false })
    const folder = temporaryFolder()
    await unpackOwnKernel(join(build.paths.kernels, 'one'), folder, build.signal)
    expect([await readFile(join(folder, 'version'), 'utf8'), await readFile(join(folder, 'modules/kernel/a.ko'), 'utf8')]).toEqual([`${VERSION}\n`, 'a'])
  })

  test('kernel add takes image and a folder of modules; a file that is not there leaves nothing behind', async () => {
    const source = await kernelFolder({ 'bzImage': bzImage(), [`${VERSION}/kernel/a.ko`]: 'a', [`${VERSION}/build`]: 'the sources' })
    const { build } = trialBuild()
    await addKernel(build, 'mine', { kind: 'files', image: join(source, 'bzImage'), modules: join(source, VERSION) })
    const listing = await run('tar', ['-tzf', join(build.paths.kernels, 'mine/modules.tgz')])
    expect(listing).toContain(`lib/modules/${VERSION}/kernel/a.ko`)
    expect(listing).not.toContain('build')
    await expect(addKernel(build, 'other', { kind: 'files', image: join(source, 'absent'), modules: source })).rejects.toMatchObject({ code: 'NO_FILE', exitCode: 2 })
    expect(await readdir(build.paths.kernels)).toEqual(['mine'])
  })

  test('a tarball of anything but one lib/modules/VERSION is refused', async () => {
    const source = await kernelFolder({ 'k/bzImage': bzImage(), 't/lib/modules/1/a': '', 't/lib/modules/2/a': '' })
    await run('tar', ['-C', join(source, 't'), '-czf', join(source, 'k/modules.tgz'), 'lib'])
    await expect(unpackOwnKernel(join(source, 'k'), temporaryFolder(), new AbortController().signal)).rejects.toMatchObject({ code: 'KERNEL_MODULES', message: expect.stringContaining('lib/modules/1, lib/modules/2') })
  })
})

/** A folder with these files. */
async function kernelFolder(files: Record<string, string | Buffer>): Promise<string> {
  const folder = temporaryFolder()
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), content)
  }
  return folder
}

/** A Debian package with these files, made by dpkg-deb. */
async function kernelPackage(files: Record<string, string | Buffer>): Promise<string> {
  const tree = await kernelFolder({ ...files, 'DEBIAN/control': 'Package: linux-image-mine\nVersion: 1\nArchitecture: amd64\nMaintainer: me <me@example.org>\nDescription: a kernel\n' })
  const deb = join(temporaryFolder(), 'kernel.deb')
  await run('dpkg-deb', ['--root-owner-group', '-b', tree, deb])
  return deb
}
