import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { readTextIfThere } from './files.ts'

const ACTIVE_CONSOLES = '/sys/class/tty/console/active'
/** Not blocking: a serial line that nobody drains must not stop the agent. No controlling terminal: Ctrl-C there is not for us. */
const OPEN_FLAGS = constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK

/** Names of the kernel's consoles, as in `['tty0', 'ttyS0']`. */
export function kernelConsoles(): string[] {
  return (readTextIfThere(ACTIVE_CONSOLES) ?? '').split(/\s+/).filter((name) => name !== '')
}

/** Writes one line to each of the consoles; one that is not there (a serial port named on the command line only) is passed over. */
export function writeToConsoles(names: readonly string[], line: string): void {
  for (const name of names) {
    try {
      const terminal = openSync(`/dev/${name}`, OPEN_FLAGS)
      try {
        writeSync(terminal, `${line}\n`)
      } finally {
        closeSync(terminal)
      }
    } catch {
      // Nothing to tell it on: the line is in the log as well.
    }
  }
}
