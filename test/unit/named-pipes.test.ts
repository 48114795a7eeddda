import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { NamedPipes, openForReader, openOnceRead } from '../../agent/os/named-pipes.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'plump-pipes-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

test('pipes are made where they are wanted, by several at the same time, and nobody gets the same one', async () => {
  const spare = join(folder, 'spare')
  mkdirSync(spare)
  // Left by an agent before.
  writeFileSync(join(spare, '0'), '')
  writeFileSync(join(folder, 'a'), 'in its place')
  const pipes = new NamedPipes(spare)
  const paths = ['a', 'b', 'c', 'd', 'e'].map((name) => join(folder, name))
  await Promise.all([pipes.make(paths.slice(0, 2)), pipes.make(paths.slice(2, 4)), pipes.make(paths.slice(4))])
  const found = paths.map((path) => statSync(path))
  expect(found.every((file) => file.isFIFO() && (file.mode & 0o777) === 0o600)).toBe(true)
  expect(new Set(found.map(({ ino }) => ino)).size).toBe(5)
})

test('a pipe is opened for whoever reads it, and not before; the reader gets all of it and its end', async () => {
  const path = join(folder, 'pipe')
  await new NamedPipes(join(folder, 'spare')).make([path])
  expect(openForReader(path)).toBeUndefined()
  const reader = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const read = reader.stdout.toArray()
  let pipe: number | undefined
  for (let tries = 0; pipe === undefined && tries < 500; tries++) {
    pipe = openForReader(path)
    if (pipe === undefined) await pause(10)
  }
  writeSync(pipe as number, 'the first image')
  closeSync(pipe as number)
  expect(Buffer.concat(await read).toString()).toBe('the first image')
  expect(() => openForReader(join(folder, 'nothing'))).toThrow('ENOENT')
})

test('whoever writes waits for the reader, or until it is over', async () => {
  const path = join(folder, 'pipe')
  await new NamedPipes(join(folder, 'spare')).make([path])
  const waiting = openOnceRead(path, () => false)
  const reader = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const read = reader.stdout.toArray()
  const pipe = await waiting
  writeSync(pipe as number, 'go')
  closeSync(pipe as number)
  expect(Buffer.concat(await read).toString()).toBe('go')
  let looks = 0
  expect(await openOnceRead(path, () => ++looks > 3)).toBeUndefined()
})
