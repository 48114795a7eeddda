import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { FileRequest } from './boot-journal.ts'
import { BootServerProblem } from './problem.ts'

/** A whole room of PCs starts at once; whoever comes later waits in the kernel's queue. */
const CONNECTIONS_LIMIT = 256
/** A machine that takes no byte for this long is gone. */
const IDLE_LIMIT_MS = 60_000

/** What is served: paths without a leading slash, each a file on this machine or a text. */
export type ServedFiles = ReadonlyMap<string, { file: string } | { text: string }>

/**
 * Serves exactly the given files by HTTP on one address: nothing else of this machine can be asked for, whatever the path. Tells of every file
 * that was sent to its end. Throws BootServerProblem PORT_TAKEN.
 */
export async function startFileServer(files: ServedFiles, at: { address: string; port: number }, onSent: (request: FileRequest) => void): Promise<Server> {
  const server = createServer((request, response) => {
    answer(files, request, response, onSent).catch(() => response.destroy())
  })
  server.maxConnections = CONNECTIONS_LIMIT
  server.timeout = IDLE_LIMIT_MS
  server.listen(at.port, at.address)
  try {
    await once(server, 'listening')
  } catch (error) {
    throw new BootServerProblem('PORT_TAKEN', `cannot listen on ${at.address} port ${at.port}: ${error instanceof Error ? error.message : String(error)}`, { fix: 'end the other server, or name another port: --port 4681', cause: error })
  }
  return server
}

async function answer(files: ServedFiles, request: IncomingMessage, response: ServerResponse, onSent: (request: FileRequest) => void): Promise<void> {
  const path = pathOf(request.url)
  const found = files.get(path)
  if (request.method !== 'GET' && request.method !== 'HEAD') return void response.writeHead(405, { Allow: 'GET, HEAD' }).end()
  if (!found) return void response.writeHead(404).end()
  const bytes = 'text' in found ? Buffer.byteLength(found.text) : (await stat(found.file)).size
  const range = parseRange(request.headers.range, bytes)
  if (range === 'unsatisfiable') return void response.writeHead(416, { 'Content-Range': `bytes */${bytes}` }).end()
  const { first, last } = range ?? { first: 0, last: bytes - 1 }
  // GRUB knows these names in no other spelling than with capitals.
  response.writeHead(range === undefined ? 200 : 206, {
    'Content-Type': 'application/octet-stream', 'Content-Length': last - first + 1, 'Accept-Ranges': 'bytes',
    ...(range === undefined ? {} : { 'Content-Range': `bytes ${first}-${last}/${bytes}` }),
  })
  if (request.method === 'HEAD') return void response.end()
  if ('text' in found) response.end(Buffer.from(found.text).subarray(first, last + 1))
  else if (bytes === 0) response.end()
  else await pipeline(createReadStream(found.file, { start: first, end: last }), response)
  if (last === bytes - 1) onSent({ address: (request.socket.remoteAddress ?? '').replace(/^::ffff:/, ''), path, bytes, atMs: performance.now() })
}

/** The path that is asked for. The shim asks for what lies beside it as `//grubx64.efi`, with as many slashes or backslashes as firmware made of it. */
export function pathOf(url: string | undefined): string {
  return (url ?? '').replace(/^https?:\/\/[^/]*/i, '').replace(/[?#].*$/, '').replace(/(?:[/\\]|%5c)+/gi, '/').replace(/^\//, '')
}

/** `bytes=FIRST-[LAST]` (RFC 9110, 14.1.2); undefined when there is none or it is of another form, which may be ignored. */
export function parseRange(header: string | undefined, bytes: number): { first: number; last: number } | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(header ?? '')
  if (!match) return undefined
  const first = Number(match[1])
  const last = match[2] === '' ? bytes - 1 : Math.min(Number(match[2]), bytes - 1)
  return first > last ? 'unsatisfiable' : { first, last }
}
