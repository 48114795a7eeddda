/**
 * packages/list: which add-on packages a node unpacks at boot, in which order. The seed had the first two forms:
 *
 *   /cdrom/packages/openssl.tar.gz   a path on the node
 *   cdrom:openssl.tar.gz             the folder packages/ of the medium
 *   data:tools.tar.zst               the folder packages/ of the partition labelled PLUMPDATA
 *   !cdrom:agent-fix.tar.gz          the same, and it may replace the node's own program files
 *
 * Empty lines and what follows a `#` are passed over.
 */

/** Where the node finds what each form names; the medium is mounted there by the initramfs, /cdrom is a link to it. */
export const PACKAGE_FOLDERS = { cdrom: '/run/plump/medium/packages', data: '/run/plump/data/packages' } as const

/** Endings of archives that a node can unpack. */
export const PACKAGE_ENDINGS = ['.tar.gz', '.tgz', '.tar', '.tar.xz', '.tar.zst'] as const

const LINES_LIMIT = 1000
const NAME = /^[A-Za-z0-9][A-Za-z0-9._+~-]{0,99}$/
const NODE_PATH = /^(\/[A-Za-z0-9._+~-]+)+$/
const CDROM_FOLDER = '/cdrom/packages/'

export interface PackageLine {
  /** The line as it stands in the list, without comment and `!`. */
  source: string
  form: 'cdrom' | 'data' | 'path'
  /** File name, as in `openssl.tar.gz`. */
  name: string
  /** The archive's path on the node. */
  path: string
  /** Listed with `!`: may replace the node's own program files. */
  mayReplace: boolean
  /** Where it stands in the list, from 1. */
  line: number
}

export interface ListProblem {
  line: number
  text: string
  why: string
}

export interface PackageList {
  lines: PackageLine[]
  problems: ListProblem[]
}

/** Reads a list; what cannot be read is among the problems and the rest counts all the same. */
export function parsePackageList(text: string): PackageList {
  const list: PackageList = { lines: [], problems: [] }
  const rows = text.split(/\r?\n/)
  for (const [index, row] of rows.slice(0, LINES_LIMIT).entries()) {
    const words = withoutComment(row)
    if (words === '') continue
    const parsed = parseLine(words, index + 1)
    if (typeof parsed === 'string') list.problems.push({ line: index + 1, text: words, why: parsed })
    else list.lines.push(parsed)
  }
  if (rows.length > LINES_LIMIT) list.problems.push({ line: LINES_LIMIT + 1, text: '', why: `more than ${LINES_LIMIT} lines` })
  return list
}

/** The name of an archive without its ending, undefined for a file that is none. */
export function packageBaseName(fileName: string): string | undefined {
  const ending = PACKAGE_ENDINGS.find((known) => fileName.endsWith(known))
  return ending !== undefined && NAME.test(fileName) && fileName.length > ending.length ? fileName.slice(0, -ending.length) : undefined
}

function withoutComment(row: string): string {
  return row.replace(/(^|\s)#.*$/, '').trim()
}

/** The line, or why it is none. */
function parseLine(words: string, line: number): PackageLine | string {
  const mayReplace = words.startsWith('!')
  const source = mayReplace ? words.slice(1).trim() : words
  const [, form, rest = ''] = /^(cdrom|data):(.*)$/.exec(source) ?? []
  const name = form === undefined ? source.slice(source.lastIndexOf('/') + 1) : rest
  if (form === undefined && !source.startsWith('/')) return 'neither /PATH, cdrom:NAME nor data:NAME'
  if (packageBaseName(name) === undefined) return `"${name}" is no file name that ends in ${PACKAGE_ENDINGS.join(', ')}`
  if (form === 'cdrom' || form === 'data') return { source, form, name, path: `${PACKAGE_FOLDERS[form]}/${name}`, mayReplace, line }
  if (!NODE_PATH.test(source) || source.split('/').some((part) => part === '.' || part === '..')) return 'a path has letters, digits and ._+~- only, and no . or .. in it'
  return { source, form: source === `${CDROM_FOLDER}${name}` ? 'cdrom' : 'path', name, path: pathOnNode(source), mayReplace, line }
}

/** /cdrom is a link on the node; here it is followed, so that it works before there is one. */
function pathOnNode(path: string): string {
  return path.startsWith('/cdrom/') ? `${PACKAGE_FOLDERS.cdrom.slice(0, -'/packages'.length)}/${path.slice('/cdrom/'.length)}` : path
}
