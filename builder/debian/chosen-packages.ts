import { NEEDED_BY_CHOSEN, NOT_NEEDED } from './root-packages.ts'

/** What Debian only recommends, and without which a package is of no use here: recommendations are not followed. */
const COMPANIONS: readonly { of: RegExp; needs: string; why: string }[] = [
  { of: /^(gcc|clang|tcc)(-\d+)?$/, needs: 'libc6-dev', why: 'headers of the C library: without them no program compiles' },
]

/** The user's packages and their companions, each once. */
export function withCompanions(names: readonly string[]): string[] {
  const companions = COMPANIONS.filter(({ of }) => names.some((name) => of.test(name))).map(({ needs }) => needs)
  return [...new Set([...names, ...companions])]
}

/** Which of the packages that a node does without must be there for the user's. */
export function neededFor(names: readonly string[]): string[] {
  const known = new Set(NOT_NEEDED.map(({ name }) => name))
  return [...new Set([...NEEDED_BY_CHOSEN, ...names.filter((name) => known.has(name))])].toSorted()
}
