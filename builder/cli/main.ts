import { CommanderError } from 'commander'
import { describeError, EXIT, exitCodeOf } from '../errors.ts'
import { createProgram } from './program.ts'

/** Runs `./plump`: what a verb throws goes to stderr in the form of design.md and decides the exit code. */
try {
  await createProgram().parseAsync()
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage
  } else {
    process.stderr.write(`${describeError(error)}\n`)
    process.exitCode = exitCodeOf(error)
  }
}
