import { NodeError } from '../api/node-error.ts'

/** A command line that cannot be understood: exit code 2 instead of 1. */
export class UsageError extends NodeError {
  constructor(message: string, fix: string) {
    super('USAGE', message, fix)
    this.name = 'UsageError'
  }
}
