/** CPU milliseconds of this process so far. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

/**
 * Looks again and again: every `everyMs`, or less often, so that looking takes no more than `cpuShare` of a CPU, however much there is to look at and however slow
 * the computer. Gives the function that ends it.
 */
export function paced(look: () => void, { everyMs, cpuShare }: { everyMs: number; cpuShare: number }, usedMs = cpuMs): () => void {
  const turn = (): void => {
    const beforeMs = usedMs()
    look()
    timer = setTimeout(turn, Math.max(everyMs, (usedMs() - beforeMs) / cpuShare))
  }
  let timer = setTimeout(turn, everyMs)
  return () => clearTimeout(timer)
}
