import type { LabNode } from '../lab/lab-node.ts'
import type { Load } from './load-program.ts'
import { said, timed } from './node-shell.ts'

/** What CRIU alone takes for the same program between the same two machines; each step is timed on the node that does it. */
export interface BareCriuFigures {
  dumpMs: number
  copyMs: number
  restoreMs: number
  bytes: number
  /** The last dump, after the pages were dumped before while the program ran: what changed since, and all that is not pages. */
  dirtyDumpMs: number
}

/** Ports between nodes are few; that of pages is free while nothing migrates. */
export const COPY_PORT = 4661
const FOLDER = '/var/tmp/bare'
const LAST_PID = 20_000
const CRIU = '/usr/sbin/criu'
const DUMP = '-v0 --manage-cgroups=ignore --cpu-cap=none --file-locks'

/** Starts a load from the file `program`, which both nodes have, on `from`; dumps it, copies the images to `to` at `address` and restores it there. Leaves nothing of it. */
export async function measureBareCriu(program: string, load: Load, from: LabNode, to: LabNode, address: string): Promise<BareCriuFigures> {
  // A process id that the other node has not given to anybody: the program gets the same there.
  await said(from, `rm -rf ${FOLDER}; mkdir -p ${FOLDER}/pre ${FOLDER}/last ${FOLDER}/whole; echo ${LAST_PID} > /proc/sys/kernel/ns_last_pid; setsid ${program} < /dev/null > /dev/null 2>&1 & echo $! > ${FOLDER}/pid`)
  try {
    const pid = (await said(from, `cat ${FOLDER}/pid`)).trim()
    await said(from, `until [ "$(awk '/^VmRSS:/ { print $2 }' /proc/${pid}/status)" -ge ${Math.floor(load.bytes / 1024)} ]; do usleep 100000; done`)
    await said(from, `cd / && ${CRIU} pre-dump -t ${pid} -D ${FOLDER}/pre ${DUMP} --track-mem`)
    const dirtyDumpMs = await timed(from, `${CRIU} dump -t ${pid} -D ${FOLDER}/last ${DUMP} --track-mem --prev-images-dir ../pre --leave-running`)
    // The node's files are in its memory.
    await said(from, `rm -rf ${FOLDER}/pre ${FOLDER}/last`)
    const dumpMs = await timed(from, `${CRIU} dump -t ${pid} -D ${FOLDER}/whole ${DUMP}`)
    const bytes = Number(await said(from, `cat ${FOLDER}/whole/* | wc -c`))
    const copyMs = await copy(from, to, address)
    const restoreMs = await timed(to, `${CRIU} restore -D ${FOLDER}/whole -v0 --manage-cgroups=ignore --cpu-cap=none --file-locks -d --pidfile ${FOLDER}/whole/pid`)
    return { dumpMs, copyMs, restoreMs, bytes, dirtyDumpMs }
  } finally {
    await said(from, `kill -9 $(cat ${FOLDER}/pid) 2> /dev/null; rm -rf ${FOLDER}`)
    await said(to, `[ -e ${FOLDER}/whole/pid ] && kill -9 $(cat ${FOLDER}/whole/pid) 2> /dev/null; rm -rf ${FOLDER}`)
  }
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
 */
export async function receive(node: LabNode, line: string, folder: string): Promise<void> {
  await said(node, `rm -rf ${folder}; mkdir -p ${folder}; mkfifo ${folder}/quiet; (nc -l -p ${COPY_PORT} 0<> ${folder}/quiet | (${line})) > /dev/null 2>&1 &`)
  await said(node, `until netstat -ltn | grep -q ':${COPY_PORT} '; do usleep 50000; done`)
}
