import { copyFileSync, createReadStream, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { NodeError } from '../api/node-error.ts'
import { withMounted } from '../os/media.ts'
import { run } from '../os/run.ts'
import { makeArchive } from '../support/archive.ts'
import { writableSticks, type Stick } from '../support/sticks.ts'
import { UsageError } from './usage-error.ts'
import type { Verb } from './verb.ts'

const MOUNT_FOLDER = '/run/plump/support-stick'
const DRIVERS_LIMIT_MS = 60_000
/** A USB stick answers some seconds after its driver was loaded. */
const APPEARANCE_LIMIT_MS = 5_000
const APPEARANCE_CHECK_MS = 250
const FIX_NO_STICK = 'plug one in; or from another machine: ssh root@ADDRESS plump support - > support.tar.gz'

export const support: Verb = {
  name: 'support',
  usage: '[FILE | - | --stick DEVICE]',
  summary: 'write logs, hardware list and state to one archive, without secrets',
  details: [
    'Writes the archive to the USB stick that is plugged in, to FILE, or with - to stdout, as over ssh:',
    '  ssh root@ADDRESS plump support - > support.tar.gz',
    'It works without the agent too. Keys, passwords and what looks like them are removed; addresses and names stay.',
  ].join('\n'),
  options: { stick: { type: 'string', help: 'which stick, when there are several, as in sdb1' } },
  wordsLimit: 1,
  async run({ options, words, print }) {
    const [target] = words
    if (target === '-' && process.stdout.isTTY) throw new UsageError('an archive is nothing to show on a terminal', 'plump support FILE')
    // Before the work: somebody who has no stick should not wait for it.
    const stick = target === undefined ? chooseStick(await findSticks(), options.stick) : undefined
    const archive = await makeArchive(`plump-support-${hostname()}-${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}`)
    try {
      if (stick) print(await writeToStick(archive.path, stick))
      else if (target === '-') await pipeline(createReadStream(archive.path), process.stdout)
      else if (target !== undefined) print(copyTo(archive.path, target))
    } finally {
      archive.remove()
    }
  },
}

/** The sticks there are. Drivers are loaded by the agent when something is plugged in; without it nobody has done so. */
async function findSticks(): Promise<Stick[]> {
  const found = writableSticks()
  if (found.length > 0) return found
  await run('/usr/lib/plump/coldplug', [], DRIVERS_LIMIT_MS)
  for (let waitedMs = 0; waitedMs < APPEARANCE_LIMIT_MS && writableSticks().length === 0; waitedMs += APPEARANCE_CHECK_MS) await pause(APPEARANCE_CHECK_MS)
  return writableSticks()
}

/** The stick to write to. Throws NodeError NO_STICK, and UsageError when it is not clear which one. */
export function chooseStick(sticks: readonly Stick[], wanted: string | boolean | undefined): Stick {
  const names = sticks.map(({ device }) => device).join(', ')
  const found = wanted === undefined ? sticks[0] : sticks.find(({ device }) => device === wanted)
  if (found === undefined) {
    const what = wanted === undefined ? 'no USB stick with a FAT, exFAT or ext4 filesystem is plugged in' : `${String(wanted)} is no stick that can be written to`
    throw new NodeError('NO_STICK', sticks.length === 0 ? what : `${what}; there is ${names}`, FIX_NO_STICK)
  }
  if (wanted === undefined && sticks.length > 1) throw new UsageError(`there are several sticks: ${names}`, `plump support --stick ${found.device}`)
  return found
}

async function writeToStick(archive: string, { device, filesystem }: Stick): Promise<string> {
  const name = basename(archive)
  try {
    await withMounted(device, filesystem, MOUNT_FOLDER, () => copyFileSync(archive, join(MOUNT_FOLDER, name)), 'write')
  } catch (error) {
    const message = `${device} cannot be written: ${error instanceof Error ? error.message : String(error)}`
    throw new NodeError('STICK', message, 'try another stick, with at least 10 MB free')
  }
  return `${name} is on ${device}; the stick can be pulled`
}

function copyTo(archive: string, target: string): string {
  const path = statSync(target, { throwIfNoEntry: false })?.isDirectory() === true ? join(target, basename(archive)) : target
  try {
    copyFileSync(archive, path)
  } catch (error) {
    throw new NodeError('NOT_WRITTEN', `${path} cannot be written: ${error instanceof Error ? error.message : String(error)}`, 'name a file in a folder that exists, as in plump support /tmp/support.tar.gz')
  }
  return path
}
