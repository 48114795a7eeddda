import { createConnection, type Socket } from 'node:net'
import { PAGES_PORT } from '../../schema/migration.ts'
import { NodeError } from '../api/node-error.ts'

const CONNECT_LIMIT_MS = 5_000
/** A target that lost its power is noticed by probes while criu waits for its answer; criu itself would wait for ever. */
export const PAGES_KEEP_ALIVE_MS = 2_000

/**
 * criu corks its connection and pushes what waits for an answer, but not its last word: the kernel then holds that back for 200 ms (tcp(7), TCP_CORK), in which the job may
 * stand still. Setting TCP_NODELAY pushes what is held back; Node sets it only when it changes.
 */
const PUSH_MS = 20

/** From when criu takes it until it is closed. */
export function keepPushing(socket: Socket): void {
  const timer = setInterval(() => socket.setNoDelay(false).setNoDelay(true), PUSH_MS)
  socket.once('close', () => clearInterval(timer))
}

/**
 * A connection for the pages of a round, for criu to inherit: nobody reads from it here. Throws NodeError TARGET_GONE.
 * @param address of the target in the mesh
 */
export function connectForPages(address: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: address, port: PAGES_PORT })
    const failed = (why: string): void => {
      clearTimeout(timer)
      socket.destroy()
      reject(new NodeError('TARGET_GONE', `the target takes no pages: ${why}`, 'the job goes on here; see whether the target is alive with: plump nodes'))
    }
    const timer = setTimeout(() => failed(`no connection within ${CONNECT_LIMIT_MS / 1000} s`), CONNECT_LIMIT_MS)
    socket.on('error', ({ message }) => failed(message))
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.pause()
      socket.setKeepAlive(true, PAGES_KEEP_ALIVE_MS)
      resolve(socket)
    })
  })
}
