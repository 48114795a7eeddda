import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

const RETRY_MS = 50

/**
 * Connects to a Unix socket that another process is about to make, trying again until `limitMs` or until `abandoned`
 * says there is no more hope. Throws the last connection error.
 */
export async function connectWhenThere(path: string, limitMs: number, abandoned: () => boolean = () => false): Promise<Socket> {
  const end = Date.now() + limitMs
  for (;;) {
    try {
      return await connectOnce(path)
    } catch (error) {
      if (Date.now() > end || abandoned()) throw error
    }
    await delay(RETRY_MS)
  }
}

/** Connects to a Unix socket, or throws ENOENT or ECONNREFUSED. */
export function connectOnce(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      resolve(socket)
    })
  })
}
