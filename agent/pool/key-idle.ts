import { statSync } from 'node:fs'
import { namesIn } from '../os/files.ts'

/** Terminals people sit at: screens, serial lines, and those of ssh. The kernel dates a terminal's last read, to some seconds. */
const TERMINAL = /^tty(?:\d+|S\d+)$/

/** Milliseconds since somebody last typed on this node; since its boot when nobody has. */
export function keyIdleMs(unixMs: number, dev = '/dev'): number {
  const terminals = [...namesIn(dev).filter((name) => TERMINAL.test(name)).map((name) => `${dev}/${name}`), ...namesIn(`${dev}/pts`).filter((name) => /^\d+$/.test(name)).map((name) => `${dev}/pts/${name}`)]
  const last = Math.max(0, ...terminals.map((path) => statSync(path, { throwIfNoEntry: false })?.atimeMs ?? 0))
  return Math.max(0, unixMs - last)
}
