import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { makeBootMenu, renderBootMenu } from '../../builder/image/boot-menu.ts'
import { formatManifest, parseManifest } from '../../builder/image/medium.ts'
import { compareInspections, settingsOf } from '../../builder/inspect/compare.ts'
import { describeDifferences, describeInspection } from '../../builder/inspect/describe.ts'
import { parseBootTables, parseFiles } from '../../builder/inspect/iso-report.ts'
import { parseMenu } from '../../builder/inspect/menu.ts'
import { openIso } from '../../builder/inspect/open-iso.ts'
import { checkSigningKey, signFiles, verifyFile } from '../../builder/inspect/signature.ts'
import { run } from '../../builder/os/run.ts'
import { fileSha256 } from '../../builder/pipeline/tree-digest.ts'
import { PROJECT_FOLDER } from '../../builder/version.ts'
import { inspectionSchema, type Inspection } from '../../schema/inspection.ts'
import { plumpYamlSchema } from '../../schema/plump-yaml.ts'
import { temporaryFolder } from './pipeline-helpers.ts'

const SUM = 'ab'.repeat(32)

const INSPECTION: Inspection = inspectionSchema.parse({
  file: 'plump.iso', bytes: 80_000_000, sha256: SUM, checksumFile: 'matches', imageId: '0123456789abcdef', secret: true, secrets: ['cluster-key'], cluster: 'plump',
  bootWays: { biosCd: true, biosDisk: true, uefiCd: true, uefiDisk: true, secureBoot: true, network: true },
  menu: [{ id: 'debian', title: '[1] Plump', kernel: 'debian', arguments: 'quiet plump.image=0123456789abcdef', starts: true }],
  addOns: [], files: [{ path: 'live/root.sqfs', sha256: SUM, bytes: 1 }], damaged: [],
  contents: {
    version: '0.1.0', suite: 'trixie', packages: [{ name: 'dash', version: '0.5.12-12', use: 'root' }], npm: [{ name: 'zod', version: '4.6.7' }],
    kernels: [{
      name: 'debian', version: '6.12.1', imageBytes: 1, imageSha256: SUM, signature: 'debian', modules: { count: 2, unsigned: 0, formats: { '.ko.xz': 2 } },
      lacks: [], unchecked: [], notes: [], nodeModules: ['loop', 'tun'],
    }],
    firmware: ['rtl_nic/rtl8168d-1.fw'], configuration: { menu: { timeoutSeconds: 3 }, ssh: { authorizedKeys: [] } },
  },
})

/** The same with some of it replaced. */
function changed(contents: Partial<Inspection['contents']>, rest: Partial<Inspection> = {}): Inspection {
  return { ...INSPECTION, ...rest, contents: { ...INSPECTION.contents, ...contents } }
}

describe('what xorriso tells of an ISO', () => {
  test('files, with where their bytes are', () => {
    const report = "Report layout: xt , Startlba ,   Blocks , Filesize , ISO image path\nFile data lba:  0 ,      161 ,        1 ,       35 , '/.disk/info'\nFile data lba:  0 ,      7 ,  1 ,  9 , '/it'\"'\"'s'\n"
    expect(parseFiles(report)).toEqual([{ path: '.disk/info', offsetBytes: 161 * 2048, bytes: 35 }, { path: "it's", offsetBytes: 7 * 2048, bytes: 9 }])
  })

  test('a file in several pieces is left out, not read in part', () => {
    expect(parseFiles("File data lba:  0 , 1 , 1 , 9 , '/a'\nFile data lba:  1 , 2 , 1 , 9 , '/a'\n")).toEqual([])
  })

  test('ways to boot, by the tables that are there', async () => {
    const report = await readFile(join(PROJECT_FOLDER, 'test/fixtures/image/xorriso-report.txt'), 'utf8')
    expect(parseBootTables(report)).toEqual({ biosCd: true, biosDisk: true, uefiCd: true, uefiDisk: true, espOffsetBytes: 152452 * 512 })
    expect(parseBootTables('El Torito boot img :   1  BIOS  y   none  0x0000  0x00      4          79\n')).toEqual({ biosCd: true, biosDisk: false, uefiCd: false, uefiDisk: false, espOffsetBytes: undefined })
    expect(parseBootTables('')).toMatchObject({ biosCd: false, uefiCd: false })
  })
})

test('an ISO is read without mounting it, and a changed byte shows', async () => {
  const folder = temporaryFolder()
  await mkdir(join(folder, 'tree/live'), { recursive: true })
  await writeFile(join(folder, 'tree/live/root.sqfs'), 'squash'.repeat(1000))
  const iso = join(folder, 'one.iso')
  await run('xorriso', ['-as', 'mkisofs', '-quiet', '-o', iso, '-r', join(folder, 'tree')])
  const opened = await openIso(iso)
  const [file] = opened.files
  if (!file) throw new Error('the ISO has no file')
  expect([file.path, await opened.sha256(file)]).toEqual(['live/root.sqfs', await fileSha256(join(folder, 'tree/live/root.sqfs'))])
  expect((await opened.read('live/root.sqfs')).toString()).toBe('squash'.repeat(1000))
  await expect(opened.read('plump/manifest')).rejects.toMatchObject({ code: 'NOT_PLUMP', exitCode: 2 })
  await opened.close()
  const bytes = await readFile(iso)
  bytes[file.offsetBytes + 5] = 0
  await writeFile(iso, bytes)
  const again = await openIso(iso)
  expect(await again.sha256(file)).not.toBe(await fileSha256(join(folder, 'tree/live/root.sqfs')))
  await again.close()
  await writeFile(join(folder, 'text'), 'not an ISO')
  await expect(openIso(join(folder, 'text'))).rejects.toMatchObject({ code: 'NO_ISO' })
})

test('the boot menu is read back as it was written', async () => {
  const config = plumpYamlSchema.parse({ kernels: { default: 'rt', arguments: 'a="b c"; $x' }, menu: { title: "Bob's" } })
  const menu = makeBootMenu(config, [{ name: 'debian', version: '6.12' }, { name: 'rt', version: '6.12-rt' }], '0123456789abcdef', '0.1.0')
  const text = renderBootMenu(await readFile(join(PROJECT_FOLDER, 'templates/grub.cfg.hbs'), 'utf8'), menu)
  expect(parseMenu(text)).toEqual(menu.entries.map(({ id, title, kernel, arguments: words }) => ({ id, title, kernel, arguments: words, starts: id === 'rt' })))
})

test('a manifest is read back as it was written', () => {
  const lines = [{ path: 'a b', sha256: SUM, bytes: 3 }, { path: 'live/root.sqfs', sha256: '01'.repeat(32), bytes: 4 }]
  expect(parseManifest(formatManifest(lines))).toEqual(lines)
})

describe('what differs between two ISOs', () => {
  test('nothing, when nothing does; the id of the image is no difference of its arguments', () => {
    expect(compareInspections(INSPECTION, INSPECTION)).toEqual([])
    const other = { ...INSPECTION, imageId: 'f'.repeat(16), menu: INSPECTION.menu.map((entry) => ({ ...entry, arguments: `quiet plump.image=${'f'.repeat(16)}` })) }
    expect(compareInspections(INSPECTION, other)).toEqual([])
    expect(describeDifferences([])).toBe('nothing differs\n')
  })

  test('packages, modules, kernels, settings and files, each by name', () => {
    const kernels = INSPECTION.contents.kernels.map((kernel) => ({ ...kernel, nodeModules: ['loop', 'zram'] }))
    const after = changed({
      packages: [{ name: 'dash', version: '0.5.12-13', use: 'root' }, { name: 'perl', version: '5.40', use: 'root' }], kernels,
      configuration: { menu: { timeoutSeconds: 5 }, ssh: { authorizedKeys: [] } },
    }, { secret: true, secrets: ['wifi-passwords'], files: [{ path: 'live/root.sqfs', sha256: 'cd'.repeat(32), bytes: 1 }] })
    expect(describeDifferences(compareInspections(INSPECTION, after)).split('\n')).toEqual([
      '  image Wi-Fi passwords  not embedded -> embedded',
      '  image cluster key  embedded -> not embedded',
      '- module debian/tun', '+ module debian/zram',
      '  package dash  0.5.12-12 -> 0.5.12-13', '+ package perl  5.40',
      '  setting menu.timeoutSeconds  3 -> 5',
      '  file live/root.sqfs  abababababababab -> cdcdcdcdcdcdcdcd', '',
    ])
  })

  test('settings by dotted names, a list as one value', () => {
    expect(settingsOf({ a: { b: 1, c: {} }, d: [1, 2] })).toEqual([['a.b', '1'], ['a.c', '{}'], ['d', '[1,2]']])
  })
})

test('an inspection for people says first what matters: whole or damaged, secret or not, ways to boot', () => {
  const text = describeInspection(INSPECTION)
  expect(text).toContain('all 1 files are what the manifest says')
  expect(text).toContain('it carries the key of cluster plump: treat the ISO as a secret')
  const wifi = describeInspection({ ...INSPECTION, secrets: ['wifi-passwords'] })
  expect(wifi).toContain('the key is not in it')
  expect(wifi).toContain('it carries the passwords of Wi-Fi networks: treat the ISO as a secret')
  expect(describeInspection({ ...INSPECTION, secret: false, secrets: [] })).not.toContain('as a secret')
  expect(text).toContain('BIOS from CD, BIOS from a stick, UEFI from CD, UEFI from a stick, Secure Boot')
  expect(describeInspection({ ...INSPECTION, damaged: ['live/root.sqfs'] })).toContain('DAMAGED: live/root.sqfs')
})

describe('signatures', () => {
  async function signed(): Promise<{ folder: string; file: string; key: string }> {
    const folder = temporaryFolder()
    const [file, key] = [join(folder, 'plump.iso'), join(folder, 'id')]
    await writeFile(file, 'an ISO')
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'me@example', '-f', key])
    await signFiles([file], key)
    return { folder, file, key }
  }

  test('a signed file is verified by the signer\'s public key or by a file of allowed signers', async () => {
    const { folder, file, key } = await signed()
    expect(await verifyFile(file, `${key}.pub`)).toEqual({ signer: 'me@example', key: expect.stringMatching(/^ED25519 key SHA256:/) })
    await writeFile(join(folder, 'allowed'), `somebody@example namespaces="plump" ${await readFile(`${key}.pub`, 'utf8')}`)
    expect((await verifyFile(file, join(folder, 'allowed'))).signer).toBe('somebody@example')
    await signFiles([file], key)
  })

  test('a changed file, a stranger\'s signature, a signature for another purpose and none at all are refused', async () => {
    const { folder, file, key } = await signed()
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'other@example', '-f', join(folder, 'other')])
    await expect(verifyFile(file, join(folder, 'other.pub'))).rejects.toMatchObject({ code: 'SIGNATURE', message: expect.stringContaining('by nobody named') })
    await writeFile(file, 'another ISO')
    await expect(verifyFile(file, `${key}.pub`)).rejects.toMatchObject({ code: 'SIGNATURE', message: expect.stringContaining('NOT what me@example signed') })
    await run('rm', [`${file}.sig`])
    await run('ssh-keygen', ['-Y', 'sign', '-q', '-f', key, '-n', 'file', file])
    await expect(verifyFile(file, `${key}.pub`)).rejects.toMatchObject({ code: 'SIGNATURE' })
    await run('rm', [`${file}.sig`])
    await expect(verifyFile(file, `${key}.pub`)).rejects.toMatchObject({ code: 'SIGNATURE', message: expect.stringContaining('is not signed') })
    await expect(verifyFile(file, join(folder, 'absent'))).rejects.toMatchObject({ code: 'SIGNATURE' })
  })

  test('what is no key is refused before anything is built', async () => {
    const file = join(temporaryFolder(), 'text')
    await writeFile(file, 'hello')
    await expect(checkSigningKey(file)).rejects.toMatchObject({ code: 'SIGN_KEY', exitCode: 2 })
    await expect(checkSigningKey(`${file}.absent`)).rejects.toMatchObject({ code: 'SIGN_KEY' })
  })
})
