import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { diskTable } from '../../builder/cli/flash.ts'
import { findDataPartition } from '../../builder/flash/data-partition.ts'
import { judgeDisks } from '../../builder/flash/disks.ts'
import { readIsoVolume } from '../../builder/flash/iso-volume.ts'
import { compare } from '../../builder/flash/write-image.ts'

const IMAGE_BYTES = 90_000_000

/** A line of lsblk as a USB stick has it, with some of it changed. */
function device(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name: 'sdb', path: '/dev/sdb', size: 16_000_000_000, model: 'Ultra ', tran: 'usb', rm: true, hotplug: true, ro: false, type: 'disk', mountpoints: [null], label: null,
    ...changes,
  }
}

function verdictOf(changes: Record<string, unknown>, loop = false): string {
  const [disk] = judgeDisks(JSON.stringify({ blockdevices: [device(changes)] }), { imageBytes: IMAGE_BYTES, loop })
  return disk?.verdict.state === 'refused' ? disk.verdict.why : (disk?.verdict.state ?? 'not listed')
}

const partition = (changes: Record<string, unknown>): Record<string, unknown> => device({ name: 'sdb1', path: '/dev/sdb1', type: 'part', ...changes })

describe('which disks may be written', () => {
  test('a USB stick that nobody uses', () => {
    expect(verdictOf({})).toBe('usable')
    expect(verdictOf({ rm: false })).toBe('usable')
    expect(verdictOf({ children: [partition({ label: 'PHOTOS' })] })).toBe('usable')
  })

  test.each([
    ['the disk of the running system', { children: [partition({ mountpoints: ['/'] })] }, /running system/],
    ['a swap partition in use', { children: [partition({ mountpoints: ['[SWAP]'] })] }, /running system/],
    ['the system inside an encrypted volume', { children: [partition({ children: [device({ type: 'crypt', mountpoints: ['/'] })] })] }, /running system/],
    ['a mounted stick', { children: [partition({ mountpoints: ['/media/me/My Stick'] })] }, /mounted on \/media\/me\/My Stick/],
    ['a built-in disk', { rm: false, hotplug: false, tran: 'sata' }, /built in/],
    ['an LVM volume', { children: [partition({ children: [device({ type: 'lvm' })] })] }, /RAID, LVM/],
    ['a card with its switch on', { ro: true }, /write-protected/],
    ['a stick that is too small', { size: 64_000_000 }, /64 MB.*90 MB/],
    ['a card reader without a card', { size: 0 }, /no medium/],
    ['a loop device', { type: 'loop', path: '/dev/loop0', rm: false, hotplug: false }, /is a file/],
  ])('not %s', (_, changes, why) => {
    expect(verdictOf(changes)).toMatch(why)
  })

  test('a loop device when that was asked for, unless it is mounted', () => {
    const loop = { type: 'loop', path: '/dev/loop0', rm: false, hotplug: false }
    expect(verdictOf(loop, true)).toBe('usable')
    expect(verdictOf({ ...loop, mountpoints: ['/mnt'] }, true)).toMatch(/mounted on \/mnt/)
  })

  test('discs, partitions and unused loop devices are no disks', () => {
    expect(verdictOf({ type: 'rom' })).toBe('not listed')
    expect(verdictOf({ type: 'loop', size: 0 })).toBe('not listed')
  })

  test('the list names each disk with what speaks against it', () => {
    const disks = judgeDisks(JSON.stringify({ blockdevices: [device({ name: 'sda', path: '/dev/sda', rm: false, hotplug: false, tran: 'sata', model: null }), device()] }), { imageBytes: IMAGE_BYTES, loop: false })
    expect(diskTable(disks)).toBe('/dev/sda  16000 MB  no name (sata)  it is built in and not removable\n/dev/sdb  16000 MB  Ultra (usb)     can be written\n')
  })
})

test('the partition PLUMPDATA is found by its name, its place in bytes', () => {
  const table = { partitiontable: { sectorsize: 512, partitions: [{ node: '/dev/sdb1', start: 64, size: 1000, name: 'ISO9660' }, { node: '/dev/sdb3', start: 2048, size: 4096, name: 'PLUMPDATA' }] } }
  expect(findDataPartition(JSON.stringify(table))).toEqual({ startBytes: 1_048_576, bytes: 2_097_152 })
})

describe('files', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'plump-flash-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  async function compared(image: Buffer, disk: Buffer): Promise<void> {
    await writeFile(join(folder, 'image'), image)
    await writeFile(join(folder, 'disk'), disk)
    const [source, target] = [await open(join(folder, 'image')), await open(join(folder, 'disk'))]
    try {
      await compare(source, target, '/dev/sdb', image.length, { signal: new AbortController().signal, onProgress: () => undefined })
    } finally {
      await source.close()
      await target.close()
    }
  }

  test('a disk that gives back what was written passes; one wrong byte is found and its place told', async () => {
    const image = Buffer.alloc(9 * 1024 * 1024, 7)
    const larger = Buffer.concat([image, Buffer.alloc(1024)])
    await expect(compared(image, larger)).resolves.toBeUndefined()
    larger[8_000_001] = 8
    await expect(compared(image, larger)).rejects.toMatchObject({ code: 'DISK_DIFFERS', message: expect.stringContaining('byte 8000001') as string })
  })

  test('a disk that ends early is an error of the disk', async () => {
    await expect(compared(Buffer.alloc(1000), Buffer.alloc(500))).rejects.toMatchObject({ code: 'DISK_ERROR' })
  })

  test('only an ISO of ours is taken for one', async () => {
    await writeFile(join(folder, 'text.iso'), 'no ISO at all')
    await expect(readIsoVolume(join(folder, 'text.iso'))).rejects.toMatchObject({ code: 'NOT_AN_ISO' })
    await expect(readIsoVolume(join(folder, 'absent.iso'))).rejects.toMatchObject({ code: 'NOT_AN_ISO' })
    const iso = Buffer.alloc(40_000)
    iso.write('CD001', 32_769)
    iso.write('OTHER', 32_808)
    await writeFile(join(folder, 'other.iso'), iso)
    await expect(readIsoVolume(join(folder, 'other.iso'))).rejects.toMatchObject({ code: 'NOT_AN_ISO' })
    iso.write('PLUMP_0123456789ABCDEF'.padEnd(32), 32_808)
    await writeFile(join(folder, 'ours.iso'), iso)
    await expect(readIsoVolume(join(folder, 'ours.iso'))).resolves.toEqual({ bytes: 40_000, imageId: '0123456789abcdef' })
  })
})
