import type { BuildListener } from './listener.ts'

/** Prints every event as a line of JSON on stdout. */
export function jsonListener(): BuildListener {
  return {
    emit: (event) => void process.stdout.write(`${JSON.stringify(event)}\n`),
    end: () => Promise.resolve(),
  }
}
