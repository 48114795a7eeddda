const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** A cancel signal that fires at Ctrl-C and its kin; `done` gives them their usual meaning back. */
export function stopAtSignals(): { signal: AbortSignal; done(): void } {
  const controller = new AbortController()
  const abort = (): void => controller.abort()
  for (const name of SIGNALS) process.once(name, abort)
  return {
    signal: controller.signal,
    done: () => {
      for (const name of SIGNALS) process.off(name, abort)
    },
  }
}
