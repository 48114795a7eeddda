import { execFile } from 'node:child_process'

/** A node that swaps, or has several of these to do at once, may take long for a small program. */
const DEFAULT_LIMIT_MS = 30_000
const OUTPUT_LIMIT_BYTES = 4 * 1024 * 1024

/** A program that failed; `message` has its command line and the tail of its stderr. */
export class CommandFailed extends Error {
  readonly exitCode: number | undefined
  constructor(commandLine: string, exitCode: number | undefined, stderr: string) {
    super(`${commandLine}: ${exitCode === undefined ? 'killed' : `exit ${exitCode}`}${stderr === '' ? '' : `: ${stderr.trim().slice(-500)}`}`)
    this.exitCode = exitCode
  }
}

/**
 * Runs one program with an argument array and gives its stdout. Throws {@link CommandFailed}. This is node:child_process
 * and not execa as in the builder, because every module the agent loads delays the boot.
 */
export function run(program: string, args: readonly string[], limitMs = DEFAULT_LIMIT_MS): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { timeout: limitMs, maxBuffer: OUTPUT_LIMIT_BYTES, encoding: 'utf8' }, (error, stdout, stderr) => {
      if (!error) resolve(stdout)
      else reject(new CommandFailed([program, ...args].join(' '), typeof error.code === 'number' ? error.code : undefined, stderr || error.message))
    })
  })
}
