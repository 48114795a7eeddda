import type { Readable } from 'node:stream'

/**
 * Calls `onLine` with every line of a stream, without its line feed. A line longer than `limitBytes` ends the stream with
 * an error, so that a peer gone mad cannot fill the memory.
 */
export function onLines(stream: Readable, limitBytes: number, onLine: (line: string) => void): void {
  let rest: Buffer = Buffer.alloc(0)
  stream.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let end = rest.indexOf(0x0a)
    while (end !== -1) {
      onLine(rest.subarray(0, end).toString('utf8'))
      rest = rest.subarray(end + 1)
      end = rest.indexOf(0x0a)
    }
    if (rest.length > limitBytes) stream.destroy(new Error(`a line of more than ${limitBytes} bytes`))
  })
}
