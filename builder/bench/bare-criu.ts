import type { LabNode } from '../lab/lab-node.ts'
import { said, timed } from './node-shell.ts'

/** What CRIU alone takes for the same job between the same two machines; each step is timed on the node that does it. */
export interface BareCriuFigures {
  dumpMs: number
  copyMs: number
  restoreMs: number
  bytes: number
  /** The last dump, after the pages were dumped before while the job ran: what changed since, and all that is not pages. */
  dirtyDumpMs: number
}

/** A job that runs at its home, and where CRIU is to bring it by hand. */
export interface BareMove {
  job: string
  home: LabNode
  homeId: number
  to: LabNode
  /** Of `to` in the mesh. */
  address: string
}

/** Ports between nodes are few; that of pages is free while nothing migrates. */
export const COPY_PORT = 4661
const FOLDER = '/var/tmp/bare'
const CRIU = '/usr/sbin/criu'
const OPTIONS = '-v0 --manage-cgroups=ignore --cpu-cap=none --file-locks --link-remap'

/**
 * Dumps a job with CRIU's own command line, copies the images and restores them: what somebody would do by hand who knows which of the job's mounts are
 * the node's. The job is as mosrun makes it, in its namespaces and on its root, because that is what a move has to carry, too. It ends, and nothing is
 * left of it on the other node.
 */
export async function measureBareCriu({ job, home, homeId, to, address }: BareMove): Promise<BareCriuFigures> {
  await said(home, `rm -rf ${FOLDER}; mkdir -p ${FOLDER}/pre ${FOLDER}/last ${FOLDER}/whole
    for pid in $(cat /sys/fs/cgroup/plump/own/${job}/cgroup.procs); do grep -q '^NSpid:.*[[:space:]]1$' /proc/$pid/status && echo $pid > ${FOLDER}/pid; done
    awk '$5 != "/" && $5 != "/proc" { print $5 }' /proc/$(cat ${FOLDER}/pid)/mountinfo > ${FOLDER}/whole/mounts`)
  try {
    const pid = (await said(home, `cat ${FOLDER}/pid`)).trim()
    const externals = (await mounts(home)).map((path) => `--external 'mnt[${path}]:${keyOf(path)}'`).join(' ')
    const dump = (into: string, more = ''): string => `cd / && ${CRIU} dump -t ${pid} -D ${FOLDER}/${into} ${OPTIONS} ${externals} ${more}`
    await said(home, `cd / && ${CRIU} pre-dump -t ${pid} -D ${FOLDER}/pre ${OPTIONS} ${externals} --track-mem`)
    const dirtyDumpMs = await timed(home, dump('last', '--track-mem --prev-images-dir ../pre --leave-running'))
    // The node's files are in its memory.
    await said(home, `rm -rf ${FOLDER}/pre ${FOLDER}/last`)
    const dumpMs = await timed(home, dump('whole'))
    const bytes = Number(await said(home, `cat ${FOLDER}/whole/* | wc -c`))
    const copyMs = await copy(home, to, address)
    const restoreMs = await timed(to, await restoreLine(to, `/mfs/${homeId}`))
    return { dumpMs, copyMs, restoreMs, bytes, dirtyDumpMs }
  } finally {
    await said(home, `rm -rf ${FOLDER}`)
    await said(to, `[ -e ${FOLDER}/whole/pid ] && kill -9 $(cat ${FOLDER}/whole/pid) 2> /dev/null; rm -rf ${FOLDER}`)
  }
}

/** Restores it with the files of its home as root, in a mount namespace that ends with criu; what the other node has at the same path takes the place of the home's. */
async function restoreLine(to: LabNode, root: string): Promise<string> {
  await said(to, `mkdir -p ${FOLDER}/root ${FOLDER}/nothing`)
  const externals: string[] = []
  for (const path of await mounts(to)) {
    const { exitCode } = await to.exec(`[ -d ${path}/. ]`)
    externals.push(`--external "mnt[${keyOf(path)}]:${exitCode === 0 ? path : `${FOLDER}/nothing`}"`)
  }
  const restore = `${CRIU} restore --root ${FOLDER}/root -D ${FOLDER}/whole ${OPTIONS} -d --pidfile ${FOLDER}/whole/pid ${externals.join(' ')}`
  return `unshare -m --propagation private sh -c 'mount --bind ${root} ${FOLDER}/root && exec ${restore}'`
}

async function mounts(node: LabNode): Promise<string[]> {
  return (await said(node, `cat ${FOLDER}/whole/mounts`)).trim().split('\n')
}

function keyOf(path: string): string {
  return path.replaceAll('/', '_')
}

/** A stream of files, as quick as the wire carries. */
async function copy(from: LabNode, to: LabNode, address: string): Promise<number> {
  await receive(to, `cd ${FOLDER} && tar x -f - && touch ${FOLDER}/arrived`, FOLDER)
  const ms = await timed(from, `tar c -C ${FOLDER} -f - whole | nc ${address} ${COPY_PORT}`)
  await said(to, `until [ -e ${FOLDER}/arrived ]; do usleep 50000; done`)
  return ms
}

/**
 * Has the node take one connection and hand what comes to a shell line, from a new folder. nc closes a connection when its own input has ended, and
 * the sender would take that for the end: so its input is a pipe that never ends. Then nc on either side ends when all has been sent and read.
 * nc and the shell line have this niceness, from their shell.
 */
export async function receive(node: LabNode, line: string, folder: string, niceness = 0): Promise<void> {
  await said(node, `renice -n ${niceness} -p $$; rm -rf ${folder}; mkdir -p ${folder}; mkfifo ${folder}/quiet; (nc -l -p ${COPY_PORT} 0<> ${folder}/quiet | (${line})) > /dev/null 2>&1 &`)
  await said(node, `until netstat -ltn | grep -q ':${COPY_PORT} '; do usleep 50000; done`)
}
