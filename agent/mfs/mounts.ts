/** A line of /proc/self/mountinfo (proc(5)), as far as it matters here. */
export interface Mount {
  major: number
  minor: number
  path: string
  type: string
  source: string
}

export function parseMountInfo(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [, device, path, type, source] = /^\d+ \d+ (\d+:\d+) \S+ (\S+) .*? - (\S+) (\S+)/.exec(line) ?? []
    if (device === undefined || path === undefined || type === undefined || source === undefined) return []
    const [major = 0, minor = 0] = device.split(':').map(Number)
    return [{ major, minor, path: unquoted(path), type, source: unquoted(source) }]
  })
}

function unquoted(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCodePoint(Number.parseInt(digits, 8)))
}

/** Other nodes see the empty folder beneath: the kernel's own views, this boot's state, the mesh's files within themselves. */
const HIDDEN = ['/proc', '/sys', '/dev', '/run', '/mfs', '/hpc', '/usr/lib/modules']
/** What somebody plugs in for a moment stays local; an exported file system could not be unmounted. */
const LOCAL = ['/mnt', '/media']
/** Squashfs and images; what lies on a loop device is part of something else. */
const LOOP_MAJOR = 7

const isBelow = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`)

/** Mount points that others are not to look into. */
export function hiddenMounts(mounts: readonly Mount[]): string[] {
  return [...new Set(mounts.map(({ path }) => path).filter((path) => HIDDEN.some((folder) => isBelow(path, folder))))]
    .filter((path) => !['/proc/', '/sys/', '/dev/', '/run/', '/mfs/', '/hpc/'].some((folder) => path.startsWith(folder)))
}

/** Disks of this node that are part of its files, as a partition on /home is: others see them too. */
export function sharedMounts(mounts: readonly Mount[]): Mount[] {
  return mounts.filter(({ path, major }) => path !== '/' && major > 0 && major !== LOOP_MAJOR
    && ![...HIDDEN, ...LOCAL].some((folder) => isBelow(path, folder)))
}
