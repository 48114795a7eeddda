/** Signals that can be sent to a job; apart from job.ts, so that the command line needs no zod for them. */
export const SIGNALS = [
  'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGABRT', 'SIGKILL', 'SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGTERM', 'SIGCONT', 'SIGSTOP', 'SIGTSTP', 'SIGWINCH',
] as const
export type Signal = (typeof SIGNALS)[number]
