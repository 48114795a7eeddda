import { keepLogs } from './keep-logs.ts'
import { startLab, type Lab, type LabOptions } from './lab.ts'

/**
 * Runs `body` with a lab of its own and takes it down whatever happens. When `body` throws, what {@link keepLogs} keeps stays, under the name that `keptAs`
 * gives then; of a lab that its signal ended nothing is kept, since nothing went wrong.
 */
export async function withLab<T>(options: LabOptions, body: (lab: Lab) => Promise<T>, keptAs = (lab: Lab) => lab.name): Promise<T> {
  const lab = await startLab(options)
  try {
    return await body(lab)
  } catch (error) {
    if (options.signal?.aborted !== true) await keepLogs(lab, keptAs(lab))
    throw error
  } finally {
    await lab.down()
  }
}
