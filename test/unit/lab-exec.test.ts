import { spawn, type ChildProcess } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ExecChannel } from '../../builder/lab/exec-channel.ts'
import { parseNodeLine, runLine } from '../../builder/lab/exec-protocol.ts'

const SERVICE = join(import.meta.dirname, '..', '..', 'rootfs-overlay', 'usr', 'lib', 'plump', 'lab-exec')

interface Outcome {
  stdout: string
  stderr: string
  result: { exitCode: number } | { failure: string }
}

// The real service of the node, on a socket in place of the virtio port.
let folder: string
let service: ChildProcess
let port: Duplex
let channel: ExecChannel

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'plump-lab-exec-'))
  startService()
})

afterEach(() => {
  // Commands are sessions of their own; lab-exec writes down which.
  for (const file of globSync(join(folder, 'work', '*', '*', 'pid'))) endGroup(Number(readFileSync(file, 'utf8')))
  endGroup(service.pid)
  rmSync(folder, { recursive: true, force: true })
})

function startService(): void {
  const env = { ...process.env, LAB_EXEC_FOLDER: join(folder, 'work') }
  service = spawn('sh', [SERVICE, '-'], { detached: true, stdio: ['ignore', 'ignore', 'inherit', 'pipe'], env })
  const socket = service.stdio[3]
  if (!(socket instanceof Duplex)) throw new Error('descriptor 3 is no socket')
  port = socket
  channel = new ExecChannel(port)
}

function endGroup(leader: number | undefined): void {
  if (leader !== undefined && alive(leader)) process.kill(-leader, 'SIGKILL')
}

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

function run(command: string, limitMs = 20_000, onOutput: (stop: () => void) => void = () => undefined): Promise<Outcome> {
  return new Promise((resolve) => {
    const outputs = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) }
    const stop = channel.run(command, limitMs, {
      output: (stream, bytes) => {
        outputs[stream] = Buffer.concat([outputs[stream], bytes])
        onOutput(stop)
      },
      end: (result) => resolve({ stdout: outputs.stdout.toString(), stderr: outputs.stderr.toString(), result }),
    })
  })
}

test('gives both outputs apart and the exit code', async () => {
  expect(await run('echo to stdout; echo to stderr >&2; exit 7')).toEqual({ stdout: 'to stdout\n', stderr: 'to stderr\n', result: { exitCode: 7 } })
})

test('a command killed by a signal ends with 128 + its number', async () => {
  expect((await run('kill -TERM $$')).result).toEqual({ exitCode: 143 })
})

test('stdin is closed, so that a command that reads it ends', async () => {
  expect(await run('cat; echo end')).toMatchObject({ stdout: 'end\n', result: { exitCode: 0 } })
})

test('outputs larger than a piece arrive whole and in order, from several commands at once', async () => {
  const outcomes = await Promise.all([1, 2, 3].map((number) => run(`i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo ${number}-$i; done`)))
  for (const [index, outcome] of outcomes.entries()) {
    expect(outcome.stdout).toBe(Array.from({ length: 3000 }, (_, line) => `${index + 1}-${line + 1}\n`).join(''))
  }
})

test('output comes while the command still runs, and stopping kills what it started', async () => {
  const outcome = await run('sh -c "echo $$; sleep 1000" & wait', 20_000, (stop) => stop())
  expect(outcome.result).toEqual({ failure: 'stopped' })
  expect(alive(Number(outcome.stdout.trim()))).toBe(false)
})

test('a command that exceeds its limit is stopped', async () => {
  expect((await run('sleep 1000', 300)).result).toEqual({ failure: 'no end within 0.3 s' })
  expect((await run('echo still there')).stdout).toBe('still there\n')
})

test('a service that is started again ends what the one before it left', async () => {
  const left = await new Promise<number>((resolve) => {
    channel.run('echo $$; exec sleep 1000', 20_000, { output: (_, bytes) => resolve(Number(bytes.toString())), end: () => undefined })
  })
  const first = service
  startService()
  expect((await run('echo again')).stdout).toBe('again\n')
  await expect.poll(() => alive(left)).toBe(false)
  endGroup(first.pid)
})

test('commands fail when the port closes', async () => {
  const outcome = await run('echo started; sleep 1000', 20_000, () => port.destroy())
  expect(outcome.result).toEqual({ failure: 'the node was switched off' })
})

test('a command survives the protocol whatever is in it', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 1000 }), (command) => {
    const [verb, id, text = ''] = runLine(5, command).trimEnd().split(' ')
    expect([verb, id, Buffer.from(text, 'base64').toString('utf8')]).toEqual(['run', '5', command.toWellFormed()])
  }))
})

test('lines that are no messages are ignored', () => {
  for (const line of ['', 'hello', 'end 1', 'end x 0', 'out 1', 'out 1 ???', 'login:', 'end 1 1000']) expect(parseNodeLine(line)).toBeUndefined()
  expect(parseNodeLine('err 12 aGk=')).toEqual({ kind: 'output', id: 12, stream: 'stderr', bytes: Buffer.from('hi') })
})
