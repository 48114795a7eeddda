/**
 * Why machines cannot be booted from here, for the person who wants it: what happened and the way out. Build machine and node turn it into their own kind
 * of error.
 */
export class BootServerProblem extends Error {
  readonly code: string
  readonly fix: string
  /** The command line is wrong. */
  readonly isUsage: boolean

  constructor(code: string, message: string, options: { fix: string; isUsage?: boolean; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.name = 'BootServerProblem'
    this.code = code
    this.fix = options.fix
    this.isUsage = options.isUsage ?? false
  }
}
