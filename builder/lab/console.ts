import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { PlumpError } from '../errors.ts'
import type { NodeStatus } from './control-protocol.ts'
import { connectOnce } from './sockets.ts'

/** Ctrl-], as in telnet and virsh. */
const ESCAPE_BYTE = 0x1d

/** A terminal, or a pipe, as the near end of a console. */
export interface Terminal {
  input: Readable & { isTTY?: boolean; setRawMode?: (raw: boolean) => unknown }
  output: Writable
}

/** Ties a terminal to a node's serial console until Ctrl-] is typed, the input ends or the node goes off. Throws PlumpError NODE_OFF. */
export async function attachConsole(status: NodeStatus, terminal: Terminal): Promise<void> {
  const { input, output } = terminal
  const socket = await connectOnce(join(status.folder, 'serial')).catch((error: unknown) => {
    throw new PlumpError('NODE_OFF', `node ${status.node} has no console now`, { fix: `./plump lab start ${status.node}`, cause: error })
  })
  if (input.isTTY) input.setRawMode?.(true)
  socket.on('data', (bytes: Buffer) => output.write(bytes))
  await new Promise<void>((resolve) => {
    socket.on('close', () => resolve())
    socket.on('error', () => resolve())
    input.on('end', () => resolve())
    input.on('data', (bytes: Buffer) => {
      const escape = bytes.indexOf(ESCAPE_BYTE)
      socket.write(escape === -1 ? bytes : bytes.subarray(0, escape))
      if (escape !== -1) resolve()
    })
  })
  if (input.isTTY) input.setRawMode?.(false)
  input.destroy()
  socket.destroy()
}
