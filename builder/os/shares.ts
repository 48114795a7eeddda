import { availableParallelism } from 'node:os'

/** Deals out items in turn to as many lists as there are CPUs, so that neighbours of one kind do not all land in one; no list is empty. */
export function shares<T>(items: readonly T[], lists: number = availableParallelism()): T[][] {
  return Array.from({ length: lists }, (_, list) => items.filter((_item, position) => position % lists === list)).filter((share) => share.length > 0)
}
