import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { AgentContext } from '../../agent/capability.ts'
import { openLog } from '../../agent/log.ts'
import { submitClusterKey, waitForClusterKey, type KeyPaths } from '../../agent/keys/cluster-key.ts'
import { blockDevices, filesystemOf } from '../../agent/os/media.ts'
import { keyOnCommandLine, readKeyText } from '../../agent/keys/key-text.ts'
import { StateStore } from '../../agent/state.ts'
import { formatWaitingLine, parseConsoleLine } from '../../schema/stage-line.ts'

const KEY = new Uint8Array(32).fill(9)
const KEY_TEXT = Buffer.from(KEY).toString('base64')

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'plump-key-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

describe('a key as text', () => {
  test('is base64 of 32 bytes, blanks around it are nothing', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.constantFrom('', '\n', ' \r\n'), (key, blanks) => {
      expect(readKeyText(blanks + Buffer.from(key).toString('base64') + blanks)).toEqual({ ok: true, keys: [key] })
    }))
  })

  test.each([
    ['', 'nothing in it'],
    ['not a key!', 'only letters, digits'],
    [Buffer.alloc(31, 1).toString('base64'), '31 bytes instead of 32'],
    [KEY_TEXT.slice(0, -2), 'stands for 31 bytes'],
    [KEY_TEXT + KEY_TEXT, 'only letters, digits'],
    ['A'.repeat(500), 'this has 500'],
  ])('%j is refused with the reason', (text, why) => {
    expect(readKeyText(text)).toEqual({ ok: false, why: expect.stringContaining(why) })
  })

  test('never makes reading throw, and what is taken has 32 bytes', () => {
    fc.assert(fc.property(fc.string({ maxLength: 300 }), (text) => {
      const reading = readKeyText(text)
      expect(reading.ok ? reading.keys.length : reading.why.length).toBeGreaterThan(0)
    }))
  })

  test('on the kernel command line', () => {
    expect(keyOnCommandLine(`BOOT_IMAGE=/x plump.key=${KEY_TEXT} console=ttyS0\n`)).toBe(KEY_TEXT)
    expect(keyOnCommandLine('xplump.key=a plump.keys=b')).toBeUndefined()
  })
})

describe('media', () => {
  const head = (marks: Record<number, string | number[]>): Uint8Array => {
    const bytes = new Uint8Array(36 * 1024)
    for (const [at, mark] of Object.entries(marks)) bytes.set(typeof mark === 'string' ? Buffer.from(mark) : mark, Number(at))
    return bytes
  }

  test('filesystems a stick may have are known by their marks', () => {
    expect(filesystemOf(head({ 54: 'FAT16   ', 510: [0x55, 0xaa] }))).toBe('vfat')
    expect(filesystemOf(head({ 82: 'FAT32   ', 510: [0x55, 0xaa] }))).toBe('vfat')
    expect(filesystemOf(head({ 3: 'EXFAT   ', 510: [0x55, 0xaa] }))).toBe('exfat')
    expect(filesystemOf(head({ 32769: 'CD001' }))).toBe('iso9660')
    expect(filesystemOf(head({ 1080: [0x53, 0xef] }))).toBe('ext4')
  })

  test('a partition table or an empty disk is none', () => {
    expect(filesystemOf(head({ 510: [0x55, 0xaa] }))).toBeUndefined()
    expect(filesystemOf(new Uint8Array(16))).toBeUndefined()
  })

  test('memory disks and drives without a medium are not looked at', () => {
    const folder = temporaryFolder()
    for (const [name, size] of Object.entries({ sda: 100, sda1: 90, loop0: 5, zram0: 5, sr0: 0, vdb: 7 })) {
      mkdirSync(join(folder, name))
      writeFileSync(join(folder, name, 'size'), `${size}\n`)
    }
    expect(blockDevices(folder)).toEqual(['sda', 'sda1', 'vdb'])
    expect(blockDevices(join(folder, 'absent'))).toEqual([])
  })
})

describe('waiting for the key', () => {
  function node(files: { keyFile?: string; commandLine?: string } = {}): { context: AgentContext; paths: KeyPaths; folder: string } {
    const folder = temporaryFolder()
    const paths = { keyFile: join(folder, 'etc', 'cluster.key'), commandLine: join(folder, 'cmdline'), sysBlockFolder: join(folder, 'block'), mountFolder: join(folder, 'mount') }
    mkdirSync(join(folder, 'etc'))
    if (files.keyFile !== undefined) writeFileSync(paths.keyFile, files.keyFile)
    writeFileSync(paths.commandLine, files.commandLine ?? 'console=ttyS0\n')
    const context: AgentContext = {
      config: { version: '0', imageId: '0123456789abcdef', name: 'plump', cluster: { name: 'plump', key: 'ask', seeds: [], rotationHours: 24 }, network: { static: [], bonds: [], vlans: [], dns: [], ntp: [] }, pool: { role: 'full', roles: [], schedule: [], timeZone: 'UTC', idle: { minutes: 0, load: 0.3 } }, console: { shell: true }, ssh: { authorizedKeys: [] } },
      keys: undefined,
      state: new StateStore(),
      log: openLog('test', join(folder, 'log')),
      stage: () => undefined,
      nowMs: () => 0,
    }
    return { context, paths, folder }
  }

  test('the key of the image is taken without a word', async () => {
    const { context, paths } = node({ keyFile: `${KEY_TEXT}\n` })
    expect(await waitForClusterKey(context, paths)).toEqual([KEY])
    expect(context.state.get('waiting')).toEqual({})
    expect(submitClusterKey(KEY_TEXT)).toEqual({ accepted: false, why: expect.stringContaining('has its cluster key already') })
  })

  test('one on the kernel command line is taken and kept', async () => {
    const { context, paths } = node({ commandLine: `quiet plump.key=${KEY_TEXT}\n` })
    expect(await waitForClusterKey(context, paths)).toEqual([KEY])
    expect(readFileSync(paths.keyFile, 'utf8')).toBe(`${KEY_TEXT}\n`)
    expect(statSync(paths.keyFile).mode & 0o777).toBe(0o600)
  })

  test('without one the console is told, a wrong one is refused with the reason, the right one is taken and kept', async () => {
    const { context, paths, folder } = node({ keyFile: 'damaged' })
    const key = waitForClusterKey(context, paths)
    const waiting = context.state.get('waiting')['cluster-key']
    expect(waiting).toMatchObject({ for: 'the cluster key', fix: expect.stringContaining('plump key enter') })
    expect(waiting && parseConsoleLine(formatWaitingLine(waiting))).toEqual({ kind: 'waiting', ...waiting })
    expect(submitClusterKey('hello')).toEqual({ accepted: false, why: expect.stringContaining('44 characters') })
    expect(submitClusterKey(` ${KEY_TEXT}\n`)).toEqual({ accepted: true })
    expect(await key).toEqual([KEY])
    expect(context.state.get('waiting')['cluster-key']).toBeUndefined()
    expect(readFileSync(paths.keyFile, 'utf8')).toBe(`${KEY_TEXT}\n`)
    expect(readFileSync(join(folder, 'log'), 'utf8')).not.toContain(KEY_TEXT)
  })
})
