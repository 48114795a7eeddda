import { appendFile, chmod, cp, lstat, mkdir, readFile, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { run } from '../os/run.ts'
import { fileInputs } from '../pipeline/inputs.ts'
import { pathsBelow } from '../pipeline/tree-digest.ts'
import type { Step } from '../pipeline/step.ts'
import { chosenPackages } from './chosen-packages.ts'
import { unpackRoot } from './unpack-root.ts'

/** Folders of the root that hold nothing when the node starts; git keeps no empty ones. */
const EMPTY_FOLDERS: readonly { path: string; mode: number }[] = [
  ...['proc', 'sys', 'dev', 'run', 'mnt', 'mfs', 'hpc', 'home', 'var/log', 'var/lib', 'var/lib/plump', 'var/lib/plump/mfs', 'var/lib/nfs', 'var/lib/nfs/v4recovery', 'var/cache', 'etc/plump'].map((path) => ({ path, mode: 0o755 })),
  { path: 'root', mode: 0o700 },
  { path: 'tmp', mode: 0o1777 },
  { path: 'var/tmp', mode: 0o1777 },
  // What jobs of this home see as /dev/shm, wherever they run (agent/jobs/places.ts).
  { path: 'var/lib/plump/shm', mode: 0o1777 },
]

const accountsSchema = z.record(z.enum(['passwd', 'group', 'shadow']), z.array(z.string()))

/** git knows the modes 755 and 644 only. */
const PRIVATE_FILES: readonly string[] = ['etc/shadow']

const LINKS: readonly { path: string; target: string }[] = [
  { path: 'etc/mtab', target: '/proc/self/mounts' },
  { path: 'var/run', target: '/run' },
  // Where the seed's packages/list had the medium.
  { path: 'cdrom', target: 'run/plump/medium' },
  { path: 'usr/bin/showmap', target: 'plump' },
  { path: 'usr/bin/setpe', target: 'plump' },
  { path: 'usr/bin/tune', target: 'plump' },
  { path: 'usr/bin/mosmon', target: 'plump' },
  { path: 'usr/bin/mon', target: 'plump' },
  { path: 'usr/bin/migrate', target: 'plump' },
  { path: 'usr/bin/netsetup', target: 'plump' },
  { path: 'usr/bin/mosctl', target: 'plump' },
  ...['mosrun', 'mps', 'mtop', 'runon', 'runhome', 'nomig', 'cpujob', 'iojob', 'nodecay', 'slowdecay', 'fastdecay'].map((name) => ({ path: `usr/bin/${name}`, target: 'plump' })),
  // What /mfs/lastexec, /mfs/selected and /mfs/magic mean outside of jobs; a job has a folder of its own mounted here.
  ...['lastexec', 'selected', 'magic'].map((name) => ({ path: `var/lib/plump/mfs/${name}`, target: '/mfs/here' })),
]

/** Everything in the root that no package brings: rootfs-overlay/, empty folders, links, busybox applets. Result: root/. */
export const overlay: Step = {
  id: 'overlay',
  title: 'Lay our own files over the root',
  needs: [unpackRoot, chosenPackages],
  codeUrl: import.meta.url,
  async inputs(build) {
    return fileInputs(build.paths.project, ['rootfs-overlay'])
  },
  async run({ build, out, result }) {
    const root = join(out, 'root')
    await mkdir(root)
    await makeFolders(root)
    await copyOverlay(join(build.paths.project, 'rootfs-overlay'), root)
    for (const path of PRIVATE_FILES) await chmod(join(root, path), 0o600)
    for (const { path, target } of LINKS) await symlink(target, join(root, path))
    await addAccounts(root, join(result(chosenPackages), 'accounts.json'))
    await linkApplets(root, [unpackRoot, chosenPackages].map((step) => join(result(step), 'root')))
  },
}

/** Users and groups that packages of the user's choice need. */
async function addAccounts(root: string, file: string): Promise<void> {
  const accounts = accountsSchema.parse(JSON.parse(await readFile(file, 'utf8')))
  for (const [name, lines] of Object.entries(accounts)) await appendFile(join(root, 'etc', name), lines.map((line) => `${line}\n`).join(''))
}

async function makeFolders(root: string): Promise<void> {
  for (const { path, mode } of EMPTY_FOLDERS) {
    await mkdir(join(root, path), { recursive: true })
    await chmod(join(root, path), mode)
  }
}

/** Copies with the modes git knows, 755 and 644, so that the user's umask at checkout does not matter. */
async function copyOverlay(from: string, root: string): Promise<void> {
  for (const path of await pathsBelow(from)) {
    const stat = await lstat(join(from, path))
    if (stat.isDirectory()) {
      await mkdir(join(root, path), { recursive: true })
      continue
    }
    await cp(join(from, path), join(root, path), { verbatimSymlinks: true })
    if (stat.isFile()) await chmod(join(root, path), stat.mode & 0o100 ? 0o755 : 0o644)
  }
}

/** A link to busybox for each of its applets, where neither a package nor rootfs-overlay has a program of that name. */
async function linkApplets(root: string, packageRoots: readonly string[]): Promise<void> {
  const applets = await run(join(packageRoots[0] ?? '', 'usr/bin/busybox'), ['--list-full'])
  for (const applet of applets.split('\n').filter((line) => line !== '')) {
    const path = appletPath(applet)
    const name = path.split('/').at(-1) ?? ''
    const places = ['usr/bin', 'usr/sbin'].flatMap((folder) => [root, ...packageRoots].map((tree) => join(tree, folder, name)))
    const taken = await Promise.all(places.map((place) => lstat(place).then(() => true, () => false)))
    if (taken.includes(true)) continue
    await mkdir(dirname(join(root, path)), { recursive: true })
    await symlink('/usr/bin/busybox', join(root, path))
  }
}

/** busybox tells its applets' places as they were before /usr was merged: `bin/ls`, `linuxrc`. */
function appletPath(applet: string): string {
  const [folder, name] = applet.includes('/') ? [applet.slice(0, applet.lastIndexOf('/')), applet.slice(applet.lastIndexOf('/') + 1)] : ['sbin', applet]
  return `${folder.startsWith('usr/') ? folder : `usr/${folder}`}/${name}`
}
