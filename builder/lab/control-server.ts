import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { exitCodeOf, PlumpError } from '../errors.ts'
import { REQUEST_LIMIT_BYTES, requestSchema, type Reply, type Request } from './control-protocol.ts'
import type { LabHost } from './lab-host.ts'
import { onLines } from './lines.ts'

/** Answers requests on the lab's control socket until `goDown` is called for (control-protocol.ts). */
export async function listenForControl(host: LabHost, path: string, goDown: () => never): Promise<void> {
  const server = createServer((socket) => serve(socket, host, goDown))
  server.listen(path)
  await once(server, 'listening')
}

function serve(socket: Socket, host: LabHost, goDown: () => never): void {
  const send = (reply: Reply): void => void socket.write(`${JSON.stringify(reply)}\n`)
  const caller: Caller = { send, hungUp: () => undefined }
  socket.on('error', () => socket.destroy())
  socket.on('close', () => caller.hungUp())
  onLines(socket, REQUEST_LIMIT_BYTES, (line) => {
    perform(line, host, caller, goDown).then(
      (result) => result !== pending && send({ reply: 'done', result }),
      (error: unknown) => send(failure(error)),
    )
  })
}

interface Caller {
  send(reply: Reply): void
  /** What is to happen when the caller goes away. */
  hungUp: () => void
}

/** The request answers for itself, later. */
const pending = Symbol('pending')

async function perform(line: string, host: LabHost, caller: Caller, goDown: () => never): Promise<unknown> {
  const request = requestSchema.parse(JSON.parse(line))
  switch (request.verb) {
    case 'status':
      return await host.status()
    case 'hold':
      caller.hungUp = goDown
      host.held = true
      return pending
    case 'release':
      caller.hungUp = () => undefined
      host.held = false
      return undefined
    case 'add':
      return await host.add(request.machine)
    case 'exec':
      return exec(request, host, caller)
    case 'cut':
      return await host.cut(request.node, request)
    case 'heal':
      return await host.heal(request.node, request)
    case 'kill':
      return await host.machine(request.node).kill()
    case 'start':
      return await host.machine(request.node).start()
    case 'plug':
      return await host.plug(request.node, request.card)
    case 'plugDisk':
      return await host.machine(request.node).plugDisk(request.file, request.writable)
    case 'pressPower':
      return await host.machine(request.node).pressPower()
    case 'eject':
      return await host.machine(request.node).eject()
    case 'type':
      return await host.machine(request.node).type(request.text)
    case 'screendump':
      return void (await host.machine(request.node).running().qmp.execute('screendump', { filename: request.file, format: 'png' }))
    case 'dhcp':
      return await host.setDhcp(request.network, request.kind, request)
    case 'down':
      return goDown()
  }
}

function exec(request: Extract<Request, { verb: 'exec' }>, host: LabHost, caller: Caller): typeof pending {
  const { exec: channel } = host.machine(request.node).running()
  caller.hungUp = channel.run(request.command, request.limitMs, {
    output: (stream, bytes) => caller.send({ reply: 'output', stream, base64: bytes.toString('base64') }),
    end: (result) => {
      caller.hungUp = () => undefined
      if ('exitCode' in result) return caller.send({ reply: 'done', result: result.exitCode })
      caller.send(failure(new PlumpError('EXEC', `node ${request.node}: ${result.failure}`, { fix: `./plump lab log ${request.node}`, exitCode: 4 })))
    },
  })
  return pending
}

function failure(error: unknown): Reply {
  if (error instanceof PlumpError) {
    return { reply: 'failed', code: error.code, message: error.message, fix: error.fix, exitCode: error.exitCode }
  }
  return { reply: 'failed', code: 'BUG', message: error instanceof Error ? error.stack ?? error.message : String(error), fix: 'this is a bug in Plump; please report it', exitCode: exitCodeOf(error) }
}
