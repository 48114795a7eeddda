import { adminSettingsSchema, DEFAULT_ADMIN_SETTINGS, nodeFiguresSchema, type AdminSettings, type Homecoming, type HomecomingWord, type NodeFigures } from '../../schema/admin-api.ts'
import { setTimeout as pause } from 'node:timers/promises'
import * as z from 'zod'
import type { NodeId } from '../../schema/node-state.ts'
import type { ApiAnswers } from '../api/answers.ts'
import { NodeError } from '../api/node-error.ts'
import type { AgentContext } from '../capability.ts'
import { readTextIfThere, writeAtomically } from '../os/files.ts'
import type { Peers } from '../peers/peers.ts'
import { figuresReader } from './figures.ts'
import { sendHome, type HomecomingEdges } from './homecoming.ts'

/** In /run, so that a restarted agent keeps what was set and a restarted node begins anew. */
const MEMORY = '/run/plump/admin.json'
const CHANNEL = 'figures'
const ASK_LIMIT_MS = 5_000

/** What the administrator may set and ask, for mosctl and /hpc. */
export interface Admin {
  settings(): AdminSettings
  /** Takes the changes over, for this boot; state `admin` follows. */
  change(change: Partial<AdminSettings>): AdminSettings
  /** A node's figures as it tells them itself. Throws NodeError PEER_UNREACHABLE, or NO_NODE_ID before the first address. */
  figures(node?: NodeId): Promise<NodeFigures>
  /** Gives `bring` and `expel` who moves jobs. */
  connect(edges: Pick<HomecomingEdges, 'moveHome'>): void
  /** Throws NodeError NO_NODE_ID, or NOT_YET while nobody moves jobs. */
  sendHome(word: HomecomingWord, progress: (text: string) => void): Promise<Homecoming>
  answers: Pick<ApiAnswers, 'admin' | 'figures' | 'homecoming'>
}

/** Keeps state `admin` and answers other nodes who ask for this one's figures. */
export function startAdmin(context: AgentContext, peers: Pick<Peers, 'call' | 'answer'>, memory = MEMORY): Admin {
  const { state } = context
  state.set('admin', remembered(memory))
  const read = figuresReader()
  const own = (): NodeFigures => {
    const id = state.get('identity')?.id
    if (id === undefined) throw new NodeError('NO_NODE_ID', 'this node has no id yet, because it has no address', 'plump status tells what it waits for')
    return read(id, state.get('admin'), state.get('loads'))
  }
  peers.answer(CHANNEL, z.strictObject({}), () => Promise.resolve(own()))
  let moveHome: HomecomingEdges['moveHome'] = () => Promise.reject(new NodeError('NOT_YET', 'this node moves no jobs yet', 'try again when plump status says ready'))
  const admin: Admin = {
    connect(edges) {
      moveHome = edges.moveHome
    },
    sendHome: (word, progress) => sendHome(word, { self: () => state.get('identity')?.id, jobs: () => state.get('jobs'), moveHome, pause }, progress),
    settings: () => state.get('admin'),
    change(change) {
      const settings = adminSettingsSchema.parse({ ...state.get('admin'), ...change })
      writeAtomically(memory, `${JSON.stringify(settings)}\n`)
      state.set('admin', settings)
      return settings
    },
    async figures(node) {
      if (node === undefined || node === state.get('identity')?.id) return own()
      return nodeFiguresSchema.parse(await peers.call(node, CHANNEL, {}, { limitMs: ASK_LIMIT_MS }))
    },
    answers: {
      admin: ({ change }, send) => send(admin.change(change)),
      figures: async ({ node }, send) => send(await admin.figures(node)),
      homecoming: async ({ word }, send) => send({ report: await admin.sendHome(word, (progress) => send({ progress })) }),
    },
  }
  return admin
}

function remembered(file: string): AdminSettings {
  try {
    return adminSettingsSchema.parse(JSON.parse(readTextIfThere(file) ?? 'null'))
  } catch {
    return DEFAULT_ADMIN_SETTINGS
  }
}
