import { EXIT, PlumpError } from '../errors.ts'

/** A signal that fires on Ctrl-C, on SIGTERM and when the terminal goes away; the second time the process ends at once. */
export function interruption(): AbortSignal {
  const controller = new AbortController()
  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted)
    controller.abort(new PlumpError('INTERRUPTED', 'interrupted', { fix: 'run the command again', exitCode: EXIT.interrupted }))
  }
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, interrupt)
  return controller.signal
}
