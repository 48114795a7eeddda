import { createHash } from 'node:crypto'

/**
 * 16 hexadecimal digits that tell one image from every other: a hash over what it is made of. `parts` are names with SHA-256 sums or texts;
 * their order does not matter.
 */
export function imageId(parts: Readonly<Record<string, string>>): string {
  const lines = Object.entries(parts).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => JSON.stringify([name, value]))
  return createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16)
}

/**
 * The id of an image with add-on packages: made from the id of the same image without them, so that a package can be put into a finished
 * ISO and the result is the ISO that a build would have made. `packages` are paths on the medium with SHA-256 sums.
 */
export function imageIdWithPackages(baseId: string, packages: Readonly<Record<string, string>>): string {
  return Object.keys(packages).length === 0 ? baseId : imageId({ ...packages, base: baseId })
}
