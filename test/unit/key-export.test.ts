import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { clusterKeyFile } from '../../builder/config/cluster-key.ts'
import { createProgram } from '../../builder/cli/program.ts'
import { readKeyText } from '../../agent/keys/key-text.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'plump-key-export-'))
  vi.stubEnv('XDG_CONFIG_HOME', join(folder, 'config'))
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

async function exportKey(...args: string[]): Promise<void> {
  await createProgram().parseAsync(['key', 'export', ...args], { from: 'user' })
}

test('the key goes to a file plump.key that a node takes, readable by its owner alone', async () => {
  await exportKey(folder)
  const text = readFileSync(join(folder, 'plump.key'), 'utf8')
  expect(readKeyText(text)).toMatchObject({ ok: true })
  expect(text).toBe(readFileSync(clusterKeyFile('plump'), 'utf8'))
  expect(statSync(join(folder, 'plump.key')).mode & 0o777).toBe(0o600)
})

test('the key of another cluster is not written over unless that is asked for', async () => {
  writeFileSync(join(folder, 'plump.key'), 'other\n')
  await expect(exportKey(folder)).rejects.toMatchObject({ code: 'KEY_EXISTS', exitCode: 2 })
  expect(readFileSync(join(folder, 'plump.key'), 'utf8')).toBe('other\n')
  await exportKey(folder, '--replace')
  expect(readKeyText(readFileSync(join(folder, 'plump.key'), 'utf8'))).toMatchObject({ ok: true })
})

test('a folder that is not there is an error, and no key is written beside it', async () => {
  await expect(exportKey(join(folder, 'absent'))).rejects.toMatchObject({ code: 'NO_FOLDER', exitCode: 2 })
})
