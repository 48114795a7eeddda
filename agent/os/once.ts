/** Gives what `make` gave when it first succeeded. A failure is not kept: the next call tries again, and those that wait for the same attempt share it. */
export function once<Made>(make: () => Promise<Made>): () => Promise<Made> {
  let made: Promise<Made> | undefined
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined
      throw error
    })
    return made
  }
}
