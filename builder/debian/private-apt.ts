import { createHash } from 'node:crypto'
import { access, mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises'
import { setGlobalProxyFromEnv } from 'node:http'
import { join } from 'node:path'
import { EXIT, PlumpError } from '../errors.ts'
import { run } from '../os/run.ts'
import { buildRun } from '../pipeline/build-run.ts'
import { takeLock } from '../pipeline/lock.ts'
import { fileSha256 } from '../pipeline/tree-digest.ts'
import { chooseMirrors, sourcesList } from './mirrors.ts'
import { NOT_NEEDED } from './root-packages.ts'
import type { Build } from '../pipeline/build.ts'
import type { Inputs } from '../pipeline/step.ts'

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
/** Younger lists are used without asking the mirror whether they are the last ones; `--refresh` asks all the same. */
const FRESH_LISTS_HOURS = 6
const STATUS_OF_NOT_NEEDED = statusOf(NOT_NEEDED.map(({ name }) => name))

/** An apt with a state of its own: it knows the base suite only, and the machine's apt does not know of it. */
export interface PrivateApt {
  /** Runs apt-get or apt-cache with it. */
  run(program: 'apt-get' | 'apt-cache', args: readonly string[]): Promise<string>
  /** Signed package lists at hand, by name, with their hashes. */
  lists: Inputs
}

/**
 * Sets the private apt up; with `freshen`, its lists are fresh where the mirror can be reached. `needed` are names of NOT_NEEDED that count
 * as needed all the same; the lists are shared with the apt that has none. Throws NO_KEYRING, NO_MIRROR or
 * MIRROR.
 */
export async function openPrivateApt(build: Build, options: { freshen: boolean; needed?: readonly string[] }): Promise<PrivateApt> {
  await access(KEYRING).catch(() => {
    throw new PlumpError('NO_KEYRING', `${KEYRING} is missing; without it nobody can tell Debian's packages from forged ones`, {
      fix: './plump doctor --fix (installs debian-archive-keyring)', exitCode: EXIT.toolMissing,
    })
  })
  const targets = await run('apt-get', ['indextargets', '--format', '$(ORIGIN)|$(LABEL)|$(REPO_URI)'])
  const sources = sourcesList(chooseMirrors(build.config.base, targets), build.config.base.suite, KEYRING)
  const name = createHash('sha256').update(`${sources}${STATUS_OF_NOT_NEEDED}`).digest('hex').slice(0, 16)
  const folder = join(build.paths.downloads, 'apt', name)
  await writeState(folder, folder, sources, STATUS_OF_NOT_NEEDED)
  const { needed = [] } = options
  const state = needed.length === 0 ? folder : join(folder, `with-${needed.toSorted().join('-')}`)
  if (state !== folder) await writeState(state, folder, sources, statusOf(NOT_NEEDED.map(({ name }) => name).filter((name) => !needed.includes(name))))
  const apt = { run: (program: string, args: readonly string[]) => buildRun(build, program, args, { env: { APT_CONFIG: join(state, 'apt.conf') } }) }
  if (options.freshen) await freshenLists(build, folder, () => apt.run('apt-get', ['update', '-qq', '-o', 'APT::Update::Error-Mode=any']))
  return { ...apt, lists: await listHashes(folder) }
}

function statusOf(names: readonly string[]): string {
  return names.map((name) => [
    `Package: ${name}`, 'Status: install ok installed', 'Architecture: amd64', 'Multi-Arch: foreign', 'Version: 9999:0', 'Maintainer: none', 'Description: not needed', '',
  ].join('\n')).join('\n')
}

async function writeState(folder: string, listsFolder: string, sources: string, status: string): Promise<void> {
  await mkdir(join(listsFolder, 'lists/partial'), { recursive: true })
  await mkdir(join(folder, 'cache/archives/partial'), { recursive: true })
  const files = { 'sources.list': sources, status, 'apt.conf': await aptConfig(folder, listsFolder) }
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
}

/** Everything of the machine's apt configuration but its proxy is left out: what it prefers, pins or runs must not reach the image. */
async function aptConfig(folder: string, listsFolder: string): Promise<string> {
  const proxies = await machineProxies()
  const settings = [
    `Dir::State::lists "${listsFolder}/lists";`,
    `Dir::State::status "${folder}/status";`,
    `Dir::Cache "${folder}/cache";`,
    `Dir::Etc::sourcelist "${folder}/sources.list";`,
    ...['sourceparts', 'preferences', 'preferencesparts', 'main', 'parts'].map((key) => `Dir::Etc::${key} "/dev/null";`),
    'APT::Install-Recommends "false";',
    'APT::Architecture "amd64";',
    'APT::Architectures { "amd64"; };',
    'APT::Sandbox::User "";',
    'Acquire::Languages "none";',
    'Acquire::Retries "2";',
    'Acquire::ForceHash "SHA256";',
    ...proxies.map(([key, value]) => `${key} "${value}";`),
  ]
  return `${settings.join('\n')}\n`
}

async function machineProxies(): Promise<[string, string][]> {
  const output = await run('apt-config', ['dump', '--format', '%f %v%n', 'Acquire'])
  return output.split('\n').flatMap((line): [string, string][] => {
    const match = /^(Acquire::https?::Proxy) (\S+)$/.exec(line)
    return match?.[1] !== undefined && match[2] !== undefined ? [[match[1], match[2]]] : []
  })
}

/**
 * Makes `fetch` go through the proxy that apt goes through: the one in the machine's apt configuration, else that of the environment.
 * Gives the function that undoes it.
 */
export async function useMachineProxy(environment: NodeJS.ProcessEnv = process.env): Promise<() => void> {
  const fromApt = (await machineProxies()).filter(([, url]) => url.startsWith('http'))
    .map(([key, url]): [string, string] => [key.includes('https') ? 'https_proxy' : 'http_proxy', url])
  return setGlobalProxyFromEnv({ ...environment, ...Object.fromEntries(fromApt) })
}

async function freshenLists(build: Build, folder: string, update: () => Promise<string>): Promise<void> {
  const stamp = join(folder, 'updated')
  const release = await takeLockPatiently(join(folder, 'lock'), build.signal)
  try {
    const info = await stat(stamp).catch(() => undefined)
    if (info && !build.refresh && Date.now() - info.mtimeMs < FRESH_LISTS_HOURS * 3_600_000) return
    try {
      await update()
      await writeFile(stamp, '')
      await utimes(stamp, new Date(), new Date())
    } catch (error) {
      if (build.signal.aborted) throw error
      if (!info || build.refresh) throw mirrorError(error)
      build.emit({ type: 'warning', step: 'resolve-packages', message: `the mirror does not answer; package lists of ${info.mtime.toISOString().slice(0, 16)} are used` })
    }
  } finally {
    await release()
  }
}

const LOCK_TRIES = 120
const LOCK_PAUSE_MS = 500

/** Checkouts share the lists; one waits, for a minute at most, while another fetches them. */
async function takeLockPatiently(file: string, signal: AbortSignal): Promise<() => Promise<void>> {
  for (let tries = 1; ; tries++) {
    try {
      return await takeLock(file, 'an update of the package lists')
    } catch (error) {
      if (tries >= LOCK_TRIES || !(error instanceof PlumpError) || error.code !== 'BUSY') throw error
      signal.throwIfAborted()
      await new Promise((resolve) => setTimeout(resolve, LOCK_PAUSE_MS))
    }
  }
}

function mirrorError(error: unknown): PlumpError {
  if (error instanceof PlumpError && /No space left on device/.test(error.message)) {
    return new PlumpError('NO_SPACE', 'no space left for the package lists', { fix: 'free some disk space (df -h), or set XDG_CACHE_HOME to a larger disk', cause: error })
  }
  return new PlumpError('MIRROR', `the Debian mirror gives no package lists: ${error instanceof Error ? error.message : String(error)}`, {
    fix: 'check the network (apt-get update), or name another mirror in plump.yaml under base.mirror', cause: error,
  })
}

async function listHashes(folder: string): Promise<Inputs> {
  const names = (await readdir(join(folder, 'lists'))).filter((name) => name.endsWith('_InRelease')).toSorted()
  const hashes = await Promise.all(names.map((name) => fileSha256(join(folder, 'lists', name))))
  return Object.fromEntries(names.map((name, index) => [`package list ${name.replace(/^.*_dists_/, '').replace(/_InRelease$/, '')}`, hashes[index] ?? '']))
}
