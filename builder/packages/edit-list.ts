import { parsePackageList } from '../../schema/package-list.ts'

const HEADING = '# What nodes unpack at boot, in this order: cdrom:NAME, data:NAME or a path on the node; ! allows replacing the node\'s own programs.\n'

/** The list with an archive of the medium in it: where it was, if it was there, else at the end. */
export function withPackage(text: string | undefined, name: string, mayReplace: boolean): string {
  const line = `${mayReplace ? '!' : ''}cdrom:${name}`
  if (text === undefined) return `${HEADING}${line}\n`
  const place = parsePackageList(text).lines.find((known) => known.form === 'cdrom' && known.name === name)
  if (place === undefined) return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`
  if (place.mayReplace === mayReplace) return text
  return text.split('\n').map((row, index) => (index + 1 === place.line ? line : row)).join('\n')
}

/** The list without any line whose archive has that file name. */
export function withoutPackage(text: string, name: string): string {
  const gone = new Set(parsePackageList(text).lines.filter((line) => line.name === name).map(({ line }) => line))
  return text.split('\n').filter((_, index) => !gone.has(index + 1)).join('\n')
}
