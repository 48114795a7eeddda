import type { Duplex } from 'node:stream'

/**
 * Reads up to the first line end of a stream and leaves what follows in the stream for whoever reads next; the stream is paused afterwards, so
 * that nothing is lost before the next reader has put its listeners in place and calls `resume`.
 * Throws when the stream ends before, or the line exceeds `limitBytes`, or nothing complete came within `limitMs`; the stream is destroyed then.
 */
export function readFirstLine(stream: Duplex, limitBytes: number, limitMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let held: Buffer = Buffer.alloc(0)
    const settle = (): void => {
      clearTimeout(timer)
      stream.off('data', take).off('end', ended).off('close', ended).off('error', fail)
      stream.pause()
    }
    const fail = (error: Error): void => {
      settle()
      stream.destroy()
      reject(error)
    }
    const ended = (): void => fail(new Error('the connection ended before its first line was complete'))
    const take = (piece: Buffer): void => {
      // Copied: the next piece may lie where this one lies.
      held = Buffer.concat([held, piece])
      const end = held.indexOf(0x0a)
      if (end > limitBytes || (end < 0 && held.length > limitBytes)) return fail(new Error(`the first line is longer than ${limitBytes} bytes`))
      if (end < 0) return
      settle()
      const rest = held.subarray(end + 1)
      if (rest.length > 0) stream.unshift(rest)
      resolve(held.toString('utf8', 0, end))
    }
    const timer = setTimeout(() => fail(new Error(`no complete first line within ${limitMs} ms`)), limitMs)
    stream.on('data', take).on('end', ended).on('close', ended).on('error', fail)
    stream.resume()
  })
}
