import { open } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 200
const CHUNK_BYTES = 64 * 1024

/** Gives a file's content piece by piece; with `untilAborted` it then waits for more until the signal fires. */
export async function* readGrowing(path: string, untilAborted?: AbortSignal): AsyncGenerator<Buffer> {
  const file = await open(path)
  try {
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES)
      if (bytesRead > 0) yield buffer.subarray(0, bytesRead)
      else if (!untilAborted || untilAborted.aborted) return
      else await delay(POLL_MS)
    }
  } finally {
    await file.close()
  }
}
