/** What came of one piece of input: its complete lines, or `too-long` when a line exceeds the limit. */
export type SplitResult = { state: 'lines'; lines: string[] } | { state: 'too-long' }

/**
 * Gives a function that takes pieces of a byte stream and gives the lines they complete, without their line ends. It
 * holds at most `limitBytes` of an unfinished line; after `too-long` it must not be used any more.
 */
export function lineSplitter(limitBytes: number): (piece: Buffer) => SplitResult {
  let rest = Buffer.alloc(0)
  return (piece) => {
    const lines: string[] = []
    let data = rest.length === 0 ? piece : Buffer.concat([rest, piece])
    for (let end = data.indexOf(0x0a); end >= 0; end = data.indexOf(0x0a)) {
      if (end > limitBytes) return { state: 'too-long' }
      lines.push(data.subarray(0, end).toString('utf8').replace(/\r$/, ''))
      data = data.subarray(end + 1)
    }
    if (data.length > limitBytes) return { state: 'too-long' }
    rest = Buffer.from(data)
    return { state: 'lines', lines }
  }
}
