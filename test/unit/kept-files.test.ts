import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { KeptFiles } from '../../agent/os/kept-files.ts'

let folder = ''
let file = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'plump-kept-'))
  file = join(folder, 'cpu.stat')
  writeFileSync(file, 'usage_usec 1')
})
afterEach(() => rmSync(folder, { recursive: true }))

function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((name) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${name}`)
      return path.startsWith(folder) ? [path] : []
    } catch {
      return []
    }
  })
}

test('a file is read as it is now, and closed when a turn has passed without it', () => {
  const files = new KeptFiles()
  expect(files.text(file)).toBe('usage_usec 1')
  writeFileSync(file, 'usage_usec 23')
  expect(files.text(file)).toBe('usage_usec 23')
  files.endTurn()
  expect(openFiles()).toEqual([file])
  files.endTurn()
  expect(openFiles()).toEqual([])
  expect(files.text(file)).toBe('usage_usec 23')
  files.endTurn()
  files.endTurn()
})

test('one that is not there is empty, and keeps nothing open', () => {
  const files = new KeptFiles()
  expect(files.text(join(folder, 'nothing'))).toBe('')
  expect(files.text(folder)).toBe('')
  expect(openFiles()).toEqual([])
})

test('a process that has ended is empty', async () => {
  const files = new KeptFiles()
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  const path = `/proc/${child.pid}/stat`
  expect(files.text(path)).toMatch(new RegExp(`^${child.pid} \\(`))
  child.kill('SIGKILL')
  await new Promise((resolve) => child.once('exit', resolve))
  expect(files.text(path)).toBe('')
  for (let turn = 0; turn < 2; turn++) files.endTurn()
})
