/** A figure of /proc/meminfo (proc(5)) in KiB; 0 when it is not there. */
export function meminfoKiB(meminfo: string, name: string): number {
  return Number(new RegExp(String.raw`^${RegExp.escape(name)}: +(\d+) kB$`, 'm').exec(meminfo)?.[1] ?? 0)
}
