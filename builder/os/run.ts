import { execa, ExecaError } from 'execa'
import { EXIT, PlumpError } from '../errors.ts'

const STDERR_TAIL_CHARS = 2_000
const DEFAULT_LIMIT_SECONDS = 600

export interface RunOptions {
  cwd?: string
  /** Added to the environment; programs always run with LC_ALL=C and TZ=UTC so that their output is the same everywhere. */
  env?: Record<string, string>
  input?: string | Uint8Array
  /** Path of a file that receives stdout instead of the result. */
  stdoutFile?: string
  limitSeconds?: number
  signal?: AbortSignal
  /** Called once with the command line before it starts. */
  onCommand?: (commandLine: string) => void
}

/**
 * Runs one program with an argument array (never a shell string) and gives its stdout as text.
 * Throws PlumpError TOOL_MISSING when it is not installed, INTERRUPTED when the signal fires and COMMAND_FAILED,
 * with the tail of stderr, when it fails or exceeds `limitSeconds`.
 */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  options.onCommand?.([program, ...args].join(' '))
  try {
    const result = await execa(program, args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { LC_ALL: 'C', TZ: 'UTC', ...options.env },
      ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
      ...(options.stdoutFile === undefined ? {} : { stdout: { file: options.stdoutFile } }),
      ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
      timeout: (options.limitSeconds ?? DEFAULT_LIMIT_SECONDS) * 1000,
      maxBuffer: 256 * 1024 * 1024,
    })
    return typeof result.stdout === 'string' ? result.stdout : ''
  } catch (error) {
    throw asPlumpError(program, error)
  }
}

function asPlumpError(program: string, error: unknown): unknown {
  if (!(error instanceof ExecaError)) return error
  if (error.isCanceled) {
    return new PlumpError('INTERRUPTED', `${program} was stopped`, { fix: 'run the command again; finished steps are kept', exitCode: EXIT.interrupted })
  }
  if (error.code === 'ENOENT') {
    return new PlumpError('TOOL_MISSING', `${program} not found`, { fix: './plump doctor --fix', exitCode: EXIT.toolMissing, cause: error })
  }
  const stderr = String(error.stderr ?? '').slice(-STDERR_TAIL_CHARS).trim()
  const how = error.timedOut ? 'took too long' : error.signal === undefined ? `exited with ${error.exitCode}` : `was killed by ${error.signal}`
  const fix = /No space left on device/.test(stderr) ? 'free some disk space (df -h), then run the command again' : 'see the lines above; --verbose shows the full command'
  return new PlumpError('COMMAND_FAILED', `${program} ${how}\n${stderr || error.shortMessage}`, { fix, cause: error })
}
