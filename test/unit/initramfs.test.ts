import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { foldersOf, initramfsEntries } from '../../builder/image/initramfs-entries.ts'

const SCRIPTS = join(import.meta.dirname, '../../builder/initramfs')

describe('the scripts of the initramfs', () => {
  const files = ['init', ...readdirSync(join(SCRIPTS, 'lib')).map((name) => join('lib', name))]
  test.each(files)('%s is plain shell', (file) => {
    execFileSync('dash', ['-n', join(SCRIPTS, file)])
  })
})

test('the initramfs has what the kernel and /init need, with modes of our own', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'plump-initramfs-test-'))
  try {
    mkdirSync(join(folder, 'modules/kernel/fs'), { recursive: true })
    writeFileSync(join(folder, 'modules/kernel/fs/isofs.ko'), 'module', { mode: 0o600 })
    writeFileSync(join(folder, 'busybox'), 'program', { mode: 0o600 })
    const entries = await initramfsEntries({ busybox: join(folder, 'busybox'), scripts: SCRIPTS, modules: join(folder, 'modules'), version: '6.12.1', kernelName: 'debian' })
    const paths = new Map(entries.map((entry) => [entry.path, entry]))
    expect(paths.get('init')).toMatchObject({ kind: 'file', mode: 0o755 })
    expect(paths.get('bin/busybox')).toMatchObject({ mode: 0o755 })
    expect(paths.get('lib/modules/6.12.1/kernel/fs/isofs.ko')).toMatchObject({ mode: 0o644 })
    expect(paths.get('dev/console')).toEqual({ kind: 'character-device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 })
    expect(paths.get('lib/plump/kernel-name')).toMatchObject({ data: Buffer.from('debian\n') })
    expect(paths.size).toBe(entries.length)
    for (const path of paths.keys()) expect(dirname(path) === '.' || paths.get(dirname(path))?.kind === 'folder').toBe(true)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('every folder above a path is given once', () => {
  expect(foldersOf(['a/b/c', 'a/d', 'e']).map(({ path }) => path).toSorted()).toEqual(['a', 'a/b'])
})
