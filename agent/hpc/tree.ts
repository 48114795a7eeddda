import type { AdminSettings, NodeFigures } from '../../schema/admin-api.ts'
import type { Member, NodeId } from '../../schema/node-state.ts'
import { NodeError } from '../api/node-error.ts'
import type { Admin } from '../admin/admin.ts'
import { ERRNO } from './ninep.ts'
import { FileError, type Entry, type Folder, type TextFile } from './ninep-server.ts'

/** What /hpc shows: the seed's /proc/hpc (openMosix HOWTO, tables 8-1 to 8-4), with the members as they are now. */

export interface HpcView {
  self(): NodeId | undefined
  members(): readonly Member[]
  admin: Pick<Admin, 'settings' | 'change' | 'figures'>
}

const SWITCHES = ['block', 'lstay', 'quiet', 'stay'] as const
const MEMORY_UNIT_KIB = 1_024

export function hpcTree(view: HpcView): Folder {
  return folder({ admin: folder(adminFiles(view)), nodes: nodesFolder(view) })
}

function adminFiles({ self, admin }: HpcView): Record<string, Entry> {
  const switches = SWITCHES.map((name): [string, Entry] => [name, {
    kind: 'file',
    read: () => line(admin.settings()[name] ? 1 : 0),
    write: (text) => void admin.change({ [name]: readSwitch(text) } satisfies Partial<AdminSettings>),
  }])
  return {
    ...Object.fromEntries(switches),
    mospe: { kind: 'file', read: () => line(self() ?? 0) },
    speed: {
      kind: 'file',
      read: async () => line((await admin.figures()).speed),
      write: (text) => void admin.change({ speed: readWhole(text, 1, 10_000_000) }),
    },
  }
}

/** One folder a member, whether it is alive or not; figures of one that does not answer give an error to whoever reads them. */
function nodesFolder({ members, admin }: HpcView): Folder {
  const figure = (id: NodeId, tell: (figures: NodeFigures) => number): TextFile => ({
    kind: 'file',
    read: async () => {
      try {
        return line(tell(await admin.figures(id)))
      } catch (error) {
        throw new FileError(error instanceof NodeError ? ERRNO.EHOSTUNREACH : ERRNO.EIO, String(error))
      }
    },
  })
  return {
    kind: 'folder',
    names: () => members().map((member) => String(member.id)),
    entry(name) {
      const member = members().find((each) => String(each.id) === name)
      if (!member) return undefined
      return folder({
        cpus: figure(member.id, (figures) => figures.cpus),
        // The seed counted load in hundredths.
        load: figure(member.id, (figures) => Math.round(figures.load * 100)),
        mem: figure(member.id, (figures) => figures.memoryAvailableKiB * MEMORY_UNIT_KIB),
        rmem: figure(member.id, (figures) => figures.memoryFreeKiB * MEMORY_UNIT_KIB),
        tmem: figure(member.id, (figures) => figures.memoryTotalKiB * MEMORY_UNIT_KIB),
        speed: figure(member.id, (figures) => figures.speed),
        util: figure(member.id, (figures) => figures.utilisation),
        status: { kind: 'file', read: () => `${members().find((each) => each.id === member.id)?.state ?? 'left'}\n` },
      })
    },
  }
}

function folder(entries: Readonly<Record<string, Entry>>): Folder {
  return { kind: 'folder', names: () => Object.keys(entries), entry: (name) => (Object.hasOwn(entries, name) ? entries[name] : undefined) }
}

function line(value: number): string {
  return `${value}\n`
}

/** `0` or `1`; anything else is an error to the writer. */
export function readSwitch(text: string): boolean {
  return readWhole(text, 0, 1) === 1
}

export function readWhole(text: string, least: number, most: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= least && value <= most)) throw new FileError(ERRNO.EINVAL, `a whole number from ${least} to ${most} was expected`)
  return value
}
