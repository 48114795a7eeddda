/**
 * A failure the person at the node can do something about: `message` says what happened and why it matters, `fix` the way
 * out, where possible as a command. Whatever else is thrown is a bug of ours.
 */
export class NodeError extends Error {
  readonly code: string
  readonly fix: string

  constructor(code: string, message: string, fix: string) {
    super(message)
    this.name = 'NodeError'
    this.code = code
    this.fix = fix
  }
}
