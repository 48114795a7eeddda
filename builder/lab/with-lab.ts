import { keepLogs } from './keep-logs.ts'
import { startLab, type Lab, type LabOptions } from './lab.ts'

/**
 * Runs `body` with a lab of its own and takes it down whatever happens. When `body` throws, what {@link keepLogs} keeps stays, under the name that `keptAs`
 * gives then. A signal takes the lab down at once, with whatever runs on its nodes, and its reason is thrown; nothing is kept then, since nothing went wrong.
 */
export async function withLab<T>(options: LabOptions, body: (lab: Lab) => Promise<T>, keptAs = (lab: Lab) => lab.name): Promise<T> {
  const { signal } = options
  const lab = await startLab(options)
  let isDown: Promise<void> | undefined
  const down = (): Promise<void> => isDown ??= lab.down()
  const interrupted = (): void => void down().catch(() => undefined)
  signal?.addEventListener('abort', interrupted, { once: true })
  try {
    return await body(lab)
  } catch (error) {
    signal?.throwIfAborted()
    await keepLogs(lab, keptAs(lab))
    throw error
  } finally {
    signal?.removeEventListener('abort', interrupted)
    await down()
  }
}
