import { execa } from 'execa'

export interface VisibleOptions {
  cwd: string
  signal: AbortSignal
  env?: Record<string, string>
  /** Where the program's stdout goes: 'result' when it is the verb's result. */
  stdout?: 'progress' | 'result'
}

/**
 * Runs a program whose output the user is to see as it comes, on stderr, so that stdout stays free for the result. Gives whether it
 * succeeded; throws only when it could not be started.
 */
export async function runVisible(program: string, args: readonly string[], options: VisibleOptions): Promise<boolean> {
  const result = await execa(program, args, {
    cwd: options.cwd, stdin: 'ignore', stdout: options.stdout === 'result' ? process.stdout : process.stderr, stderr: process.stderr, reject: false, cancelSignal: options.signal,
    ...(options.env === undefined ? {} : { env: options.env }),
  })
  if (result.failed && result.code === 'ENOENT') throw result
  return !result.failed
}
