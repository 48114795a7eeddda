import type { AdminSettings, NodeFigures } from '../../schema/admin-api.ts'
import type { Loads } from '../../schema/balance-api.ts'
import { SPEED_LIMIT } from '../../schema/load.ts'
import type { Member, NodeId } from '../../schema/node-state.ts'
import { NodeError } from '../api/node-error.ts'
import type { Admin } from '../admin/admin.ts'
import { asFileErrors } from './file-errors.ts'
import { folder, line, readSwitch, readWhole, refuse } from './files.ts'
import { jobsFolder, remoteFolder, type JobsView } from './job-files.ts'
import type { Entry, Folder, TextFile } from './ninep-server.ts'

/** What /hpc shows: the seed's /proc/hpc (openMosix HOWTO, tables 8-1 to 8-5), with the members and jobs as they are now. */

export interface HpcView extends JobsView {
  members(): readonly Member[]
  /** What moves from this node cost; nothing before it balances. */
  moveCost(): Loads['moves']
  admin: Pick<Admin, 'settings' | 'change' | 'figures' | 'sendHome'>
}

const SWITCHES = ['block', 'lstay', 'quiet', 'stay'] as const
const MEMORY_UNIT_KIB = 1_024

export function hpcTree(view: HpcView): Folder {
  return folder({ admin: folder(adminFiles(view)), jobs: jobsFolder(view), nodes: nodesFolder(view), remote: remoteFolder(view) })
}

function adminFiles(view: HpcView): Record<string, Entry> {
  const { self, admin } = view
  const switches = SWITCHES.map((name): [string, Entry] => [name, {
    kind: 'file',
    read: () => line(admin.settings()[name] ? 1 : 0),
    write: (text) => void admin.change({ [name]: readSwitch(text) } satisfies Partial<AdminSettings>),
  }])
  return {
    ...Object.fromEntries(switches),
    bring: homecomingFile(view, 'bring'),
    expel: homecomingFile(view, 'expel'),
    ...decayFiles(admin),
    overheads: { kind: 'file', read: () => asFileErrors(() => overheadsText(view.moveCost()), view.refused) },
    mospe: { kind: 'file', read: () => line(self() ?? 0) },
    speed: {
      kind: 'file',
      read: async () => line((await admin.figures()).speed),
      write: (text) => void admin.change({ speed: readWhole(text, 1, SPEED_LIMIT) }),
    },
  }
}

/** What is left of a job's past after the interval, in thousandths; mosctl setdecay sets all three. */
function decayFiles(admin: HpcView['admin']): Record<string, Entry> {
  const part = (name: keyof AdminSettings['decay'], most: number): TextFile => ({
    kind: 'file',
    read: () => line(admin.settings().decay[name]),
    write: (text) => void admin.change({ decay: { ...admin.settings().decay, [name]: readWhole(text, 1, most) } }),
  })
  return { 'decay-interval': part('intervalSeconds', 600), 'slow-decay': part('slow', 999), 'fast-decay': part('fast', 999) }
}

/** As mosctl gettune tells it. */
function overheadsText(cost: Loads['moves']): string {
  if (!cost) throw new NodeError('NOT_YET', 'this node does not balance yet', 'read it again when plump status says ready')
  return `${Math.round(cost.overheadMs)} ${Math.round(cost.transferKiBps)}\n`
}

/** Reads as 0; writing a 1 ends when all are at home, and is an error when one stays. */
function homecomingFile({ admin, refused }: HpcView, word: 'bring' | 'expel'): TextFile {
  return {
    kind: 'file',
    read: () => line(0),
    write: (text) => asFileErrors(async () => {
      if (!readSwitch(text)) refuse('only a 1 may be written')
      const [first] = (await admin.sendHome(word, () => undefined)).staying
      if (first) throw new NodeError(first.code, `${word}: job ${first.job} stays: ${first.why}`, `mosctl ${word} tells of all`)
    }, refused),
  }
}

/** One folder a member, whether it is alive or not; figures of one that does not answer give an error to whoever reads them. */
function nodesFolder({ members, admin, refused }: HpcView): Folder {
  const figure = (id: NodeId, tell: (figures: NodeFigures) => number): TextFile => ({
    kind: 'file',
    read: () => asFileErrors(async () => line(tell(await admin.figures(id))), refused),
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
