import { existsSync, mkdirSync, readlinkSync, renameSync, rmdirSync, symlinkSync, unlinkSync } from 'node:fs'
import { meshAddress } from '../../schema/mesh-address.ts'
import type { NodeId } from '../../schema/node-state.ts'
import type { AgentContext, Capability } from '../capability.ts'
import { namesIn } from '../os/files.ts'
import { sharedMounts } from './mounts.ts'
import { bind, currentMounts, giveUpServer, MFS, mountMfs, unmountNow } from './nfs-client.ts'
import { nameNfsClient, startNfsServer } from './nfs-server.ts'
import { writeCaches } from './nfsd-caches.ts'
import { clientOfFiles, mfsEntries, noSignpost, rootExports, signpost, signpostRoot, type Entry } from './tree.ts'

/** What /mfs shows, for the kernel's NFS server to serve to this node itself. */
const SIGNPOSTS = '/run/plump/mfs'
/** Where an entry is made before it is put in its place. */
const ASIDE = '/run/plump/mfs.new'
const SETTLE_MS = 100
const RETRY_MS = 10_000
/** A node that is alone serves its files too, but it lets the first member come first. */
const ALONE_MS = 5_000
/** How often the list of mounted disks is looked at. */
const DISKS_MS = 5_000

/**
 * Shows each member's files below /mfs and this node's files to the members, by the kernel's NFS server and client; writes state `mfs`. It begins
 * when the mesh is up. Once everything is in place the kernel mounts a node when somebody steps into its folder, without the agent.
 */
export function startMfs(context: AgentContext): Capability {
  const mfs = new Mfs(context)
  mfs.start()
  return { stop: () => mfs.stop() }
}

class Mfs {
  readonly #context: AgentContext
  readonly #stops: (() => void)[] = []
  readonly #entries = new Map<string, Entry>()
  readonly #clients = new Set<NodeId>()
  readonly #answering = new Set<NodeId>()
  #shared = ''
  #served = false
  #timer: NodeJS.Timeout | undefined
  #aloneTimer: NodeJS.Timeout | undefined
  #work: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(context: AgentContext) {
    this.#context = context
  }

  start(): void {
    const { state } = this.#context
    const disks = setInterval(() => {
      if (this.#served && JSON.stringify(rootExports(currentMounts())) !== this.#shared) this.#soon(0)
    }, DISKS_MS)
    this.#stops.push(state.watch('mesh', () => this.#soon(SETTLE_MS)), () => clearInterval(disks), () => clearTimeout(this.#timer), () => clearTimeout(this.#aloneTimer))
    this.#soon(SETTLE_MS)
  }

  stop(): void {
    this.#stopped = true
    for (const stop of this.#stops) stop()
  }

  #soon(delayMs: number): void {
    const mesh = this.#context.state.get('mesh')
    if (mesh.state !== 'up') return
    if (!this.#served && !mesh.peers.some((peer) => peer.answered) && delayMs < ALONE_MS) {
      this.#aloneTimer ??= setTimeout(() => this.#soon(ALONE_MS), ALONE_MS)
      return
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#work = this.#work.then(() => this.#bringUpToDate())
    }, delayMs)
  }

  async #bringUpToDate(): Promise<void> {
    if (this.#stopped) return
    const { state } = this.#context
    try {
      if (!this.#served) await this.#serve()
      await this.#showMembers()
      this.#shareFiles()
      state.set('mfs', { state: 'up' })
      state.setWaiting('mfs', undefined)
    } catch (error) {
      this.#context.log.named('mfs').warn(error instanceof Error ? error.message : String(error))
      state.setWaiting('mfs', { for: 'the files of the other nodes (/mfs)', fix: 'plump log says why; a kernel of your own needs the modules nfsd and nfsv4' })
      this.#soon(RETRY_MS)
    }
  }

  async #serve(): Promise<void> {
    const self = this.#context.state.get('identity')?.id ?? 0
    await startNfsServer()
    const key = this.#context.state.get('members').find((member) => member.self)?.mesh?.publicKey
    nameNfsClient(key ?? `node-${self}`)
    for (const folder of [SIGNPOSTS, ASIDE]) mkdirSync(folder, { recursive: true })
    // The server knows a kind of client only once it knows one client of the kind.
    writeCaches([clientOfFiles(self), ...signpostRoot(SIGNPOSTS)])
    this.#takeOver(self)
    this.#served = true
  }

  /** After a restart of the agent the signposts stand as they were, and processes may be on their way past them. */
  #takeOver(self: NodeId): void {
    const links = mfsEntries(self, [])
    for (const name of namesIn(SIGNPOSTS)) {
      const link = links.get(name)
      const id = Number(name)
      if (link?.kind === 'link' && linkTarget(`${SIGNPOSTS}/${name}`) === link.target) this.#entries.set(name, link)
      else if (Number.isInteger(id)) this.#entries.set(name, { kind: id === self ? 'self' : 'node', id })
    }
  }

  /** The root, and whatever disk is mounted somewhere below it, but not /mfs, which must be mounted by now to be left out. */
  #shareFiles(): void {
    const lines = rootExports(currentMounts())
    if (JSON.stringify(lines) === this.#shared) return
    writeCaches(lines)
    this.#shared = JSON.stringify(lines)
  }

  async #showMembers(): Promise<void> {
    const { state } = this.#context
    const mesh = state.get('mesh')
    const self = state.get('identity')?.id
    if (mesh.state !== 'up' || self === undefined) return
    for (const { id } of mesh.peers) {
      if (!this.#clients.has(id)) writeCaches([clientOfFiles(id)])
      this.#clients.add(id)
    }
    // A member that serf still sees but the mesh does not reach any more: whoever waits for its files gets an error.
    for (const { id, answered } of mesh.peers) {
      if (answered) this.#answering.add(id)
      else if (this.#answering.delete(id)) await this.#giveUp(String(id), id)
    }
    const wanted = mfsEntries(self, mesh.peers.map((peer) => peer.id))
    for (const [name, entry] of this.#entries) {
      if (JSON.stringify(wanted.get(name)) !== JSON.stringify(entry)) await this.#remove(name, entry)
    }
    for (const [name, entry] of wanted) if (!this.#entries.has(name)) this.#add(name, entry)
    await mountMfs()
    await this.#bindSelf(self)
  }

  /** Made aside and renamed: the server knows it before anybody can look at it. */
  #add(name: string, entry: Entry): void {
    const path = `${SIGNPOSTS}/${name}`
    removeIfThere(path)
    const aside = `${ASIDE}/${name}`
    removeIfThere(aside)
    if (entry.kind === 'link') symlinkSync(entry.target, aside)
    else mkdirSync(aside, { mode: 0o755 })
    writeCaches(signpost(aside, entry))
    renameSync(aside, path)
    this.#entries.set(name, entry)
  }

  async #remove(name: string, entry: Entry): Promise<void> {
    this.#entries.delete(name)
    const path = `${SIGNPOSTS}/${name}`
    if (existsSync(path)) writeCaches(noSignpost(path))
    removeIfThere(path)
    if (entry.kind !== 'link') await this.#giveUp(name, entry.kind === 'node' ? entry.id : undefined)
  }

  /** Ends what goes on with the files of a node and takes them away. */
  async #giveUp(name: string, server: NodeId | undefined): Promise<void> {
    if (server !== undefined) giveUpServer(meshAddress(server))
    const below = currentMounts().filter((mount) => mount.path === `${MFS}/${name}` || mount.path.startsWith(`${MFS}/${name}/`))
    for (const mount of below.toReversed()) await unmountNow(mount.path)
    this.#context.log.named('mfs').info(`the files of ${name} are gone`)
  }

  /** On the node itself its folder is its own root: no network between a process and the files where it runs. */
  async #bindSelf(self: NodeId): Promise<void> {
    const folder = `${MFS}/${self}`
    const mounts = currentMounts()
    const mounted = new Set(mounts.filter((mount) => mount.type !== 'nfs4').map((mount) => mount.path))
    if (!mounted.has(folder)) await bind('/', folder)
    for (const { path } of sharedMounts(mounts)) if (!mounted.has(`${folder}${path}`)) await bind(path, `${folder}${path}`)
  }
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

function removeIfThere(path: string): void {
  try {
    rmdirSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOTDIR') unlinkSync(path)
    else if (code !== 'ENOENT') throw error
  }
}
