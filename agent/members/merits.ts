/** Compares two lists of merits, the first merit counting most: negative when `one` is the lesser, 0 when they are equal. */
export function compareMerits(one: readonly number[], other: readonly number[]): number {
  for (const [index, value] of one.entries()) if (value !== other[index]) return value - (other[index] ?? 0)
  return 0
}
