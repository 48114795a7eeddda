import type { ApiAnswers } from '../api/answers.ts'
import { NodeError } from '../api/node-error.ts'
import type { AgentContext } from '../capability.ts'
import { readTextIfThere, writeAtomically } from '../os/files.ts'
import { blockDevices } from '../os/media.ts'
import { RING_PATHS } from './key-ring.ts'
import { keyFileOn } from './key-media.ts'
import { formatKeys, keyOnCommandLine, readKeyText, type KeyReading } from './key-text.ts'

type Keys = readonly Uint8Array[]

const LOOK_AT_MEDIA_MS = 2_000
const FIX = 'type it here (plump key enter), or plug in a USB stick with the key in a file plump.key, or start with plump.key=KEY on the kernel command line'

export interface KeyPaths {
  keyFile: string
  commandLine: string
  sysBlockFolder: string
  mountFolder: string
}

const NODE_PATHS: KeyPaths = {
  keyFile: RING_PATHS.keyFile,
  commandLine: '/proc/cmdline',
  sysBlockFolder: '/sys/class/block',
  mountFolder: '/run/plump/key-medium',
}

/** The node that waits for its key at present; there is one agent in a process, and the API has only text to hand over. */
let takeTypedKey: ((text: string) => KeyReading) | undefined

/**
 * Gives the cluster key, or two, newest first, while it is being changed: from /etc/plump/cluster.key, else `plump.key=` on the kernel's command line, else, saying so in `waiting`, from the first
 * disk or stick that has a file plump/cluster.key or plump.key, or from {@link submitClusterKey}. What was found is kept in
 * /etc/plump/cluster.key (mode 600, in memory), so that a restarted agent need not ask again. Waits for ever.
 */
export async function waitForClusterKey(context: AgentContext, paths: KeyPaths = NODE_PATHS): Promise<Keys> {
  const log = context.log.named('cluster-key')
  const present = keyAtHand(paths, (where, why) => log.warn(`${where}: ${why}`))
  if (present) return present
  const keys = await keyFromOutside(context, paths)
  keep(paths, keys)
  context.state.setWaiting('cluster-key', undefined)
  return keys
}

/** Hands over a key that somebody typed; `why` is to be shown to them. */
export function submitClusterKey(text: string): { accepted: true } | { accepted: false; why: string } {
  if (!takeTypedKey) return { accepted: false, why: 'this node has its cluster key already' }
  const reading = takeTypedKey(text)
  return reading.ok ? { accepted: true } : { accepted: false, why: reading.why }
}

/** Takes a typed cluster key over; gives the reason when it is none. */
export type SubmitKey = typeof submitClusterKey

/** What the API answers about the cluster key. Throws NodeError KEY_REFUSED. */
export function keyAnswers(submit: SubmitKey): Pick<ApiAnswers, 'submit-key'> {
  return {
    'submit-key': ({ text }, send) => {
      const verdict = submit(text)
      if (!verdict.accepted) throw new NodeError('KEY_REFUSED', verdict.why, 'type the key again with plump key enter; ./plump key show on the build machine tells it')
      send({ accepted: true })
    },
  }
}

function keyAtHand(paths: KeyPaths, onBad: (where: string, why: string) => void): Keys | undefined {
  const texts = { [paths.keyFile]: readTextIfThere(paths.keyFile), 'plump.key=': keyOnCommandLine(readTextIfThere(paths.commandLine) ?? '') }
  for (const [where, text] of Object.entries(texts)) {
    if (text === undefined) continue
    const reading = readKeyText(text)
    if (!reading.ok) {
      onBad(where, reading.why)
      continue
    }
    if (where !== paths.keyFile) keep(paths, reading.keys)
    return reading.keys
  }
  return undefined
}

function keyFromOutside(context: AgentContext, paths: KeyPaths): Promise<Keys> {
  const log = context.log.named('cluster-key')
  const say = (remark: string): void => context.state.setWaiting('cluster-key', { for: `the cluster key${remark}`, fix: FIX })
  say('')
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined
    let done = false
    const accept = (keys: Keys, where: string): void => {
      if (done) return
      done = true
      takeTypedKey = undefined
      clearTimeout(timer)
      log.info(`cluster key taken from ${where}`)
      resolve(keys)
    }
    takeTypedKey = (text) => {
      const reading = readKeyText(text)
      if (reading.ok) accept(reading.keys, 'the console')
      return reading
    }
    const lookedAt = new Set<string>()
    const look = async (): Promise<void> => {
      const devices = blockDevices(paths.sysBlockFolder)
      for (const gone of lookedAt) if (!devices.includes(gone)) lookedAt.delete(gone)
      for (const device of devices) {
        if (done || lookedAt.has(device)) continue
        lookedAt.add(device)
        const file = await keyFileOn(device, paths.mountFolder).catch((error: unknown) => {
          log.info(`cannot look for a key on ${device}: ${error instanceof Error ? error.message : String(error)}`)
          return undefined
        })
        if (!file) continue
        const reading = readKeyText(file.text)
        if (reading.ok) accept(reading.keys, file.where)
        else say(` (not usable: ${file.where}, ${reading.why.replace(/;/g, ',')})`)
      }
      if (!done) timer = setTimeout(() => void look(), LOOK_AT_MEDIA_MS)
    }
    void look()
  })
}

function keep(paths: KeyPaths, keys: Keys): void {
  writeAtomically(paths.keyFile, formatKeys(keys), 0o600)
}
