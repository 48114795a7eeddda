import { promises } from 'node:fs'
import { NodeError } from './node-error.ts'

const TAIL_LIMIT_BYTES = 1024 * 1024
const FOLLOW_PERIOD_MS = 250
const FOLLOW_CHUNK_BYTES = 64 * 1024

/**
 * The last `lines` whole lines of a log file, out of its last {@link TAIL_LIMIT_BYTES}, and the offset behind them; none when
 * the file is not there. Throws NodeError LOG_UNREADABLE.
 */
export async function readLogTail(file: string, lines: number): Promise<{ lines: string[]; endBytes: number }> {
  try {
    const { size } = await promises.stat(file)
    const start = Math.max(0, size - TAIL_LIMIT_BYTES)
    const text = await readRange(file, start, size - start)
    const endBytes = start + wholeLinesBytes(text)
    const all = text.subarray(0, endBytes - start).toString('utf8').split('\n').slice(start > 0 ? 1 : 0, -1)
    return { lines: lines === 0 ? [] : all.slice(-lines), endBytes }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { lines: [], endBytes: 0 }
    throw new NodeError('LOG_UNREADABLE', `the log ${file} cannot be read: ${String(error)}`, 'look at the kernel\'s messages with dmesg')
  }
}

/**
 * Hands on the lines that are appended to `file` behind `fromBytes`, until `signal` fires. Looks at the file by its path
 * four times a second; one that became shorter is read from its start, one that is away is waited for.
 */
export async function followLog(file: string, fromBytes: number, signal: AbortSignal, emit: (lines: string[]) => void): Promise<void> {
  let offset = fromBytes
  while (!signal.aborted) {
    const size = await promises.stat(file).then((found) => found.size, () => 0)
    if (size < offset) offset = 0
    if (size > offset) {
      const chunk = await readRange(file, offset, Math.min(size - offset, FOLLOW_CHUNK_BYTES)).catch(() => Buffer.alloc(0))
      // A line longer than the chunk is handed on in pieces; otherwise it would never end.
      const taken = wholeLinesBytes(chunk) || (chunk.length === FOLLOW_CHUNK_BYTES ? chunk.length : 0)
      if (taken > 0) {
        emit(chunk.subarray(0, taken).toString('utf8').replace(/\n$/, '').split('\n'))
        offset += taken
        continue
      }
    }
    await pause(FOLLOW_PERIOD_MS, signal)
  }
}

function wholeLinesBytes(text: Buffer): number {
  return text.lastIndexOf(0x0a) + 1
}

async function readRange(file: string, start: number, length: number): Promise<Buffer> {
  const handle = await promises.open(file, 'r')
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, start)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}
