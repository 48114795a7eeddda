import type { ReadStream, WriteStream } from 'node:tty'
import { NodeError } from '../api/node-error.ts'
import { mask, typeInto } from '../console/masked-line.ts'
import type { MaskedLine } from '../console/masked-line.ts'

const PIPED_LINE_LIMIT_CHARS = 1_024
const MASK_WIDTH = 48

/** Asks on a terminal for a line and shows stars instead of it. Throws NodeError GIVEN_UP after Ctrl-C or Ctrl-D. */
export function readMaskedLine(input: ReadStream, output: Pick<WriteStream, 'write'>, prompt: string): Promise<string> {
  let line: MaskedLine = { text: '' }
  const show = (): void => void output.write(`\r\x1b[K${prompt}${mask(line, MASK_WIDTH)}`)
  return new Promise((resolve, reject) => {
    const end = (): void => {
      input.off('data', take)
      input.setRawMode(false)
      input.pause()
      output.write('\n')
    }
    const take = (piece: Buffer): void => {
      const result = typeInto(line, piece.toString('latin1'))
      if (result.state === 'typing') {
        line = result.line
        return show()
      }
      end()
      if (result.state === 'entered') resolve(result.text)
      else reject(new NodeError('GIVEN_UP', 'no key was entered; the node goes on waiting for it', 'plump key enter'))
    }
    input.setRawMode(true)
    show()
    input.on('data', take)
    input.resume()
  })
}

/** The first line of a pipe or file. Throws NodeError LINE_TOO_LONG. */
export async function readPipedLine(input: AsyncIterable<Buffer>): Promise<string> {
  let text = ''
  for await (const piece of input) {
    text += piece.toString('utf8')
    if (text.includes('\n')) break
    if (text.length <= PIPED_LINE_LIMIT_CHARS) continue
    throw new NodeError('LINE_TOO_LONG', 'this is no cluster key: it is too long', 'plump key enter < FILE, with the key on its first line')
  }
  return text.split('\n')[0]?.trim() ?? ''
}
