import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeCpio, type CpioEntry } from '../../builder/image/cpio.ts'

const EPOCH = 1_700_000_000

const ENTRIES: CpioEntry[] = [
  { kind: 'file', path: 'bin/hello', mode: 0o755, data: Buffer.from('#!/bin/sh\necho hello\n') },
  { kind: 'folder', path: 'bin', mode: 0o755 },
  { kind: 'link', path: 'bin/sh', target: 'busybox' },
  { kind: 'folder', path: 'dev', mode: 0o755 },
  { kind: 'character-device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
]

describe('a cpio archive', () => {
  test('has the bytes it always had', () => {
    const archive = encodeCpio(ENTRIES, EPOCH)
    expect(Buffer.from(archive).subarray(0, 116).toString('latin1')).toBe([
      // magic, inode, mode 040755, uid, gid, links, time stamp, size, device of the file system and of the node, length of the name, checksum
      '070701', '00000001', '000041ED', '00000000', '00000000', '00000002', '6553F100', '00000000', '00000000', '00000000', '00000000', '00000000', '00000004',
      '00000000', 'bin\0', '\0\0',
    ].join(''))
    expect(createHash('sha256').update(archive).digest('hex')).toBe('d9ac168fe4d6b76e21b09752dfc625600d8dca9088935c0487e9f586085106e2')
  })

  test('does not depend on the order of the entries', () => {
    fc.assert(fc.property(fc.shuffledSubarray(ENTRIES, { minLength: ENTRIES.length }), (shuffled) => {
      expect(encodeCpio(shuffled, EPOCH)).toEqual(encodeCpio(ENTRIES, EPOCH))
    }))
  })

  test('can be followed by another', () => {
    expect(encodeCpio(ENTRIES, EPOCH).length % 512).toBe(0)
  })

  test('is unpacked by cpio(1) to what was put in', () => {
    const folder = mkdtempSync(join(tmpdir(), 'plump-cpio-test-'))
    try {
      fc.assert(fc.property(fc.uint8Array({ maxLength: 2000 }), fc.integer({ min: 0, max: 0o777 }), (data, bits) => {
        const mode = bits | 0o600
        const entries: CpioEntry[] = [{ kind: 'file', path: 'file', mode, data }, { kind: 'link', path: 'link', target: 'fi le' }]
        execFileSync('cpio', ['-idu', '--quiet', '-D', folder], { input: encodeCpio(entries, EPOCH) })
        const stat = statSync(join(folder, 'file'))
        expect(new Uint8Array(readFileSync(join(folder, 'file')))).toEqual(data)
        expect(readlinkSync(join(folder, 'link'))).toBe('fi le')
        expect(stat.mode & 0o777).toBe(mode)
      }), { numRuns: 20 })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
