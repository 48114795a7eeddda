import { execa } from 'execa'

/**
 * Runs a program whose output the user is to see as it comes, on stderr, so that stdout stays free for the result. Gives whether it
 * succeeded; throws only when it could not be started.
 */
export async function runVisible(program: string, args: readonly string[], options: { cwd: string; signal: AbortSignal; env?: Record<string, string> }): Promise<boolean> {
  const result = await execa(program, args, {
    cwd: options.cwd, stdin: 'ignore', stdout: process.stderr, stderr: process.stderr, reject: false, cancelSignal: options.signal,
    ...(options.env === undefined ? {} : { env: options.env }),
  })
  if (result.failed && result.code === 'ENOENT') throw result
  return !result.failed
}
