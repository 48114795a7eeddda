/**
 * What travels over the virtio port `org.plump.lab` between the lab and rootfs-overlay/usr/lib/plump/lab-exec, one
 * message a line, ASCII only. A line is written in one piece (less than 8 KiB from the node), so that several
 * commands can run at once without mixing their lines. ID is a number of the host's choice, never used twice.
 *
 * host to node
 *   `run ID BASE64`   run the text in a shell of its own, in /, stdin closed
 *   `stop ID`         kill it and what it started; its `end` follows. Unknown IDs are ignored
 * node to host
 *   `hello 1`         the service has (re)started: whatever ran before is gone. 1 = version of this protocol
 *   `out ID BASE64`   a piece of stdout
 *   `err ID BASE64`   a piece of stderr
 *   `end ID CODE`     it ended and both outputs are complete; code 0 to 255, 128 + N when signal N killed it
 *
 * As with ssh, `end` waits until everything that holds the command's outputs has closed them.
 */

export type NodeMessage =
  | { kind: 'hello'; version: number }
  | { kind: 'output'; id: number; stream: 'stdout' | 'stderr'; bytes: Buffer }
  | { kind: 'end'; id: number; exitCode: number }

/** Longest line the host accepts; a longer one is noise from a broken node. */
export const LINE_LIMIT_BYTES = 64 * 1024

export function runLine(id: number, command: string): string {
  return `run ${id} ${Buffer.from(command, 'utf8').toString('base64')}\n`
}

export function stopLine(id: number): string {
  return `stop ${id}\n`
}

/** Reads one line from the node; undefined for anything that is not a message. */
export function parseNodeLine(line: string): NodeMessage | undefined {
  const hello = /^hello (\d+)$/.exec(line)
  if (hello) return { kind: 'hello', version: Number(hello[1]) }
  const end = /^end (\d+) (\d{1,3})$/.exec(line)
  if (end) return { kind: 'end', id: Number(end[1]), exitCode: Number(end[2]) }
  const output = /^(out|err) (\d+) ([A-Za-z0-9+/]+={0,2})$/.exec(line)
  if (!output) return undefined
  return { kind: 'output', id: Number(output[2]), stream: output[1] === 'out' ? 'stdout' : 'stderr', bytes: Buffer.from(output[3] ?? '', 'base64') }
}
