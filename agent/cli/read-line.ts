import type { ReadStream, WriteStream } from 'node:tty'
import { NodeError } from '../api/node-error.ts'
import { mask, typeInto } from '../console/masked-line.ts'
import type { MaskedLine } from '../console/masked-line.ts'

const PIPED_LINE_LIMIT_CHARS = 1_024
const MASK_WIDTH = 48

const NO_KEY = new NodeError('GIVEN_UP', 'no key was entered; the node goes on waiting for it', 'plump key enter')
const NO_LINE = new NodeError('GIVEN_UP', 'given up; nothing was changed', 'start it again when you know what to type')

/** Asks on a terminal for a line and shows stars instead of it. Throws NodeError GIVEN_UP after Ctrl-C or Ctrl-D. */
export function readMaskedLine(input: ReadStream, output: Pick<WriteStream, 'write'>, prompt: string): Promise<string> {
  return readTypedLine(input, output, (line) => `${prompt}${mask(line, MASK_WIDTH)}`, NO_KEY)
}

/** Asks on a terminal for a line. Throws NodeError GIVEN_UP after Ctrl-C or Ctrl-D. */
export function readVisibleLine(input: ReadStream, output: Pick<WriteStream, 'write'>, prompt: string): Promise<string> {
  return readTypedLine(input, output, (line) => `${prompt}${line.text}`, NO_LINE)
}

function readTypedLine(input: ReadStream, output: Pick<WriteStream, 'write'>, view: (line: MaskedLine) => string, givenUp: NodeError): Promise<string> {
  let line: MaskedLine = { text: '' }
  const show = (): void => void output.write(`\r\x1b[K${view(line)}`)
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
      else reject(givenUp)
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
