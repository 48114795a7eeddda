import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { isatty, ReadStream, WriteStream } from 'node:tty'
import type { ScreenLine, Tone } from './screen-line.ts'
import type { ScreenSize } from './status-screen.ts'

const PLAIN_SIZE: ScreenSize = { columns: 80, rows: 25 }

/** Colours every Linux console and terminal has (console_codes(4)). */
const COLOURS: Record<Tone, string> = {
  title: '\x1b[7m', plain: '', heading: '\x1b[1m', good: '\x1b[32m', problem: '\x1b[33m', hint: '\x1b[36m',
}

/** A terminal to draw on. */
export interface Screen {
  size(): ScreenSize
  /** Shows the lines from the top; what stood there before is wiped. */
  draw(lines: readonly ScreenLine[]): void
  close(): void
}

/**
 * Opens a terminal device to draw on. It is never waited for: on a terminal that does not take output a frame is lost, and
 * the next one starts at the top again. Throws what open(2) throws.
 */
export function openScreen(path: string): Screen {
  const flags = constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK
  const fd = openSync(path, flags)
  write(fd, '\x1b[?25l\x1b[2J')
  return {
    size: () => (isatty(fd) ? askSize(openSync(path, flags)) : PLAIN_SIZE),
    draw: (lines) => write(fd, frame(lines)),
    close() {
      write(fd, '\x1b[?25h')
      closeSync(fd)
    },
  }
}

/** A frame as bytes: each line wipes the rest of its row, the last one what is below, so that nothing flickers or stays. */
export function frame(lines: readonly ScreenLine[]): string {
  const rows = lines.map(({ text, tone }) => `${COLOURS[tone]}${text}\x1b[0m\x1b[K`)
  return `\x1b[H${rows.join('\r\n')}\x1b[J`
}

/**
 * Opens a terminal's keyboard without echo or signals; gives the function that ends it. `take` gets the characters as they
 * are typed. On a device that is no terminal there is no keyboard. Throws what open(2) throws.
 */
export function openKeyboard(path: string, take: (typed: string) => void): () => void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOCTTY | constants.O_NONBLOCK)
  if (!isatty(fd)) {
    closeSync(fd)
    return () => undefined
  }
  const stream = new ReadStream(fd)
  stream.setRawMode(true)
  stream.on('data', (piece: Buffer) => take(piece.toString('latin1')))
  stream.on('error', () => stream.destroy())
  return () => {
    if (!stream.destroyed) stream.setRawMode(false)
    stream.destroy()
  }
}

/** The size at this moment: a graphics driver that loads late changes it, and only a new stream asks for it again. */
function askSize(fd: number): ScreenSize {
  const stream = new WriteStream(fd)
  const [columns, rows] = stream.getWindowSize()
  stream.destroy()
  return columns > 0 && rows > 0 ? { columns, rows } : PLAIN_SIZE
}

function write(fd: number, text: string): void {
  try {
    writeSync(fd, text)
  } catch (error) {
    // EAGAIN: the terminal is stopped; EIO: it was hung up. Both are over by one of the next frames, or never matter.
    if (!(error instanceof Error && 'code' in error && (error.code === 'EAGAIN' || error.code === 'EIO'))) throw error
  }
}
