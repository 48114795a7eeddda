/**
 * Which entries of a package archive may go where. Pure: what is in the root already is asked through {@link Surroundings}, on the build
 * machine of the trees the root is made of, on the node of the root itself.
 *
 * Every path is followed through the links that are there and through those that the package itself has brought before, so that what is
 * judged is the place where the file would really land.
 */

export type EntryKind = 'file' | 'folder' | 'link' | 'hard link' | 'device' | 'fifo' | 'unknown'

/** One entry of an archive, as it stands there. */
export interface ArchiveEntry {
  path: string
  kind: EntryKind
  /** Of links: where they point. */
  target: string
  mode: number
  uid: number
  gid: number
  bytes: number
  mtimeSeconds: number
}

/** What is at a path; `byPackage`: an earlier package of the list brought it. */
export type Present = { kind: 'file' | 'folder'; byPackage?: boolean } | { kind: 'link'; target: string; byPackage?: boolean }

export interface Surroundings {
  /** What is at a path of the root (`usr/bin/node`); parents of the path are never links. */
  lookUp(path: string): Present | undefined
  /** The package is listed with `!`: it may replace the node's own program files. */
  mayReplace: boolean
}

export type Placement =
  /** Where the entry goes, and for a hard link the path of the file it is another name of. */
  | { state: 'placed'; path: string; target: string }
  /** Nothing to do: the folder is there already. */
  | { state: 'present'; path: string }
  | { state: 'refused'; why: string }

const PATH_LIMIT_CHARS = 4000
const LINKS_LIMIT = 40
const ENTRIES_LIMIT = 200_000
export const PACKAGE_LIMIT_BYTES = 4 * 1024 ** 3

/** Other file systems than the root: what a package put there would be gone, or would reach the kernel or another node. */
const NOT_OF_THE_ROOT: ReadonlySet<string> = new Set(['proc', 'sys', 'dev', 'run', 'mfs', 'cdrom'])

/** Folders of the node's own programs, in which also a new file could change what runs. */
const OWN_FOLDERS = ['usr/lib/plump/', 'etc/plump/', 'usr/lib/modules/']
const START_FOLDER = 'etc/plump/start.d'
const START_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/

class Refusal extends Error {}

/** Gives the function that judges the entries of one archive, to be called with each in turn. */
export function openPackageCheck(surroundings: Surroundings): (entry: ArchiveEntry) => Placement {
  const own = new Map<string, Present>()
  let entries = 0
  let bytes = 0

  const at = (path: string): Present | undefined => own.get(path) ?? surroundings.lookUp(path)

  const judge = (entry: ArchiveEntry): Placement => {
    entries += 1
    bytes += entry.bytes
    if (entries > ENTRIES_LIMIT) throw new Refusal(`more than ${ENTRIES_LIMIT} entries`)
    if (bytes > PACKAGE_LIMIT_BYTES) throw new Refusal('the package has more than 4 GiB')
    refuseKind(entry.kind)
    const parts = relativeParts(entry.path, 'path')
    const path = follow(parts, at, entry.kind === 'folder').join('/')
    if (path === '') return entry.kind === 'folder' ? { state: 'present', path } : refuse('it would replace the root itself')
    const [top = ''] = path.split('/')
    if (NOT_OF_THE_ROOT.has(top)) throw new Refusal(`/${top} is not part of the node's root`)
    const present = at(path)
    if (entry.kind === 'folder' && present?.kind === 'folder') return { state: 'present', path }
    if (present?.kind === 'folder') throw new Refusal(`/${path} is a folder`)
    if (entry.kind === 'folder' && present?.kind === 'file') throw new Refusal(`/${path} is a file and not a folder`)
    if (!surroundings.mayReplace && replacesProgram(path, entry.kind, own.has(path) ? undefined : present)) {
      throw new Refusal(`it replaces a program file of the node, /${path}; list the package with ! if it is to do that`)
    }
    refuseStart(path, entry)
    const target = targetOf(entry, path, at, own)
    rememberPath(path, entry)
    return { state: 'placed', path, target }
  }

  const rememberPath = (path: string, entry: ArchiveEntry): void => {
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      const folder = path.slice(0, slash)
      if (at(folder) === undefined) own.set(folder, { kind: 'folder' })
    }
    own.set(path, entry.kind === 'link' ? { kind: 'link', target: entry.target } : { kind: entry.kind === 'folder' ? 'folder' : 'file' })
  }

  return (entry) => {
    try {
      return judge(entry)
    } catch (error) {
      if (error instanceof Refusal) return { state: 'refused', why: error.message }
      throw error
    }
  }
}

/** A path or a target for a message: control characters would reach the console. */
export function printablePath(path: string): string {
  const clean = path.replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, '?')
  return clean.length > 120 ? `${clean.slice(0, 117)}...` : clean
}

function refuse(why: string): never {
  throw new Refusal(why)
}

function refuseKind(kind: EntryKind): void {
  if (kind === 'device') throw new Refusal('a device node')
  if (kind === 'fifo') throw new Refusal('a named pipe; make it in etc/plump/start.d')
  if (kind === 'unknown') throw new Refusal('an entry of a kind that is not supported (sparse file, or an extension of one tar program)')
}

/** The names of a path without `.` and doubled slashes. */
function relativeParts(path: string, what: string): string[] {
  if (path.length > PATH_LIMIT_CHARS) throw new Refusal(`a ${what} of more than ${PATH_LIMIT_CHARS} characters`)
  if (/\p{Cc}/u.test(path)) throw new Refusal(`a control character in its ${what}`)
  if (path.startsWith('/')) throw new Refusal(`an absolute ${what}`)
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) throw new Refusal(`a ${what} with ..`)
  return parts
}

/**
 * Where a path lands when every link on the way is followed, the last name only with `followLast` and only to a folder. Throws Refusal
 * when the way leaves the root, ends in a circle or goes through a file.
 */
function follow(parts: readonly string[], at: (path: string) => Present | undefined, followLast: boolean): string[] {
  let done: string[] = []
  let rest = [...parts]
  for (let links = 0; rest.length > 0;) {
    const [name = '', ...after] = rest
    rest = after
    if (name === '..') {
      if (done.length === 0) throw new Refusal('its way leads through a link out of the root')
      done = done.slice(0, -1)
      continue
    }
    const here = [...done, name]
    const present = at(here.join('/'))
    const last = rest.length === 0
    if (present?.kind === 'file' && !last) throw new Refusal(`/${here.join('/')} is a file and not a folder`)
    if (present?.kind !== 'link' || (last && !followLast)) {
      done = here
      continue
    }
    links += 1
    if (links > LINKS_LIMIT) throw new Refusal('its way leads through links in a circle')
    const names = present.target.split('/').filter((part) => part !== '' && part !== '.')
    if (present.target.startsWith('/')) done = []
    rest = [...names, ...rest]
  }
  return done
}

function replacesProgram(path: string, kind: EntryKind, present: Present | undefined): boolean {
  const toStart = path.startsWith(`${START_FOLDER}/`) || (path === START_FOLDER && kind === 'folder')
  if (OWN_FOLDERS.some((folder) => path.startsWith(folder)) && !toStart) return true
  if (present === undefined || present.byPackage === true) return false
  // Links at the top are the merged /usr; settings in etc are there to be replaced.
  return path.startsWith('usr/') || path === 'etc/inittab' || !path.includes('/')
}

/** init runs these by their name, so the name must be one word. */
function refuseStart(path: string, entry: ArchiveEntry): void {
  if (!path.startsWith(`${START_FOLDER}/`)) return
  const name = path.slice(START_FOLDER.length + 1)
  if (entry.kind === 'folder' || !START_NAME.test(name)) throw new Refusal(`in ${START_FOLDER} lie programs whose names have letters, digits and _.- only`)
  if (entry.kind === 'file' && (entry.mode & 0o111) === 0) throw new Refusal('a program to start that is not executable (chmod 755)')
}

/** For a symbolic link its target as it is, for a hard link the path of the file; throws Refusal when that is not in the root. */
function targetOf(entry: ArchiveEntry, path: string, at: (path: string) => Present | undefined, own: ReadonlyMap<string, Present>): string {
  if (entry.kind === 'hard link') {
    const file = follow(relativeParts(entry.target, 'target'), at, false).join('/')
    if (own.get(file)?.kind !== 'file' || file === path) throw new Refusal(`a hard link to ${printablePath(entry.target)}, which is no file of the package before it`)
    return file
  }
  if (entry.kind !== 'link') return ''
  if (entry.target === '' || entry.target.length > PATH_LIMIT_CHARS) throw new Refusal('a link without a usable target')
  if (/\p{Cc}/u.test(entry.target)) throw new Refusal('a control character in its target')
  if (leavesRoot(path, entry.target)) throw new Refusal(`a link that leaves the root: ${printablePath(entry.target)}`)
  return entry.target
}

/** Whether a relative target climbs above the root from where the link lies. */
function leavesRoot(path: string, target: string): boolean {
  if (target.startsWith('/')) return false
  let depth = path.split('/').length - 1
  for (const part of target.split('/')) {
    if (part === '' || part === '.') continue
    depth += part === '..' ? -1 : 1
    if (depth < 0) return true
  }
  return false
}
