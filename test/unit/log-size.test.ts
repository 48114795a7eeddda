import { appendFileSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { cutLog } from '../../agent/os/log-size.ts'

let folder = ''
let log = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'plump-log-'))
  log = join(folder, 'plump.log')
})
afterEach(() => rmSync(folder, { recursive: true }))

test('a log within the limit stays as it is', () => {
  writeFileSync(log, '12345678')
  cutLog(log, 8)
  expect(readFileSync(log, 'utf8')).toBe('12345678')
  expect(statSync(`${log}.1`, { throwIfNoEntry: false })).toBeUndefined()
})

test('a log that is not there is no error', () => {
  expect(() => cutLog(log, 8)).not.toThrow()
})

test('of a longer one the end is kept beside it, for root alone', () => {
  writeFileSync(log, 'abcdefgh12345678')
  cutLog(log, 8)
  expect(readFileSync(log, 'utf8')).toBe('')
  expect(readFileSync(`${log}.1`, 'utf8')).toBe('12345678')
  expect(statSync(`${log}.1`).mode & 0o777).toBe(0o600)
})

test('a program that holds the log open goes on in the same file after it was cut', () => {
  const held = openSync(log, 'a')
  try {
    writeSync(held, 'more than eight bytes')
    cutLog(log, 8)
    writeSync(held, 'later')
    appendFileSync(log, '!')
    expect(readFileSync(log, 'utf8')).toBe('later!')
  } finally {
    closeSync(held)
  }
})
