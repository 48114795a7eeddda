/** Exit codes of `./plump`, as docs/reference/cli.md lists them. */
export const EXIT = { done: 0, failed: 1, usage: 2, toolMissing: 3, bootOrTestFailed: 4, interrupted: 130 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/**
 * A failure that a user can do something about: what happened and why it matters in `message`, the way out in `fix`.
 * Whatever else is thrown is a bug of ours and keeps its stack trace.
 */
export class PlumpError extends Error {
  readonly code: string
  readonly fix: string
  readonly exitCode: ExitCode

  constructor(code: string, message: string, options: { fix: string; exitCode?: ExitCode; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.name = 'PlumpError'
    this.code = code
    this.fix = options.fix
    this.exitCode = options.exitCode ?? EXIT.failed
  }
}

/** The two or more lines a user sees: `error[CODE]: message` and `  fix: command`. */
export function describeError(error: unknown): string {
  if (error instanceof PlumpError) return `error[${error.code}]: ${error.message}\n  fix: ${error.fix}`
  if (error instanceof Error) return `error[BUG]: ${error.stack ?? error.message}\n  fix: this is a bug in Plump; please report it with the lines above`
  return `error[BUG]: ${String(error)}`
}

/** The exit code for a thrown value; {@link describeError} gives its text. */
export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof PlumpError ? error.exitCode : EXIT.failed
}
