import { NodeError } from '../api/node-error.ts'
import { ERRNO } from './ninep.ts'
import { FileError } from './ninep-server.ts'

/** The kernel's number that says most of each refusal, so that `echo` and `cat` print words that help; plump log has the whole sentence. */
const ERRNO_OF: Readonly<Record<string, number>> = {
  CANTMOVE: ERRNO.EPERM,
  BLOCKED: ERRNO.ECONNREFUSED,
  BUSY: ERRNO.EBUSY,
  NO_JOB: ERRNO.ESRCH,
  JOB_ENDED: ERRNO.ESRCH,
  NO_SUCH_NODE: ERRNO.ENXIO,
  NO_TARGET: ERRNO.ENXIO,
  PEER_UNREACHABLE: ERRNO.EHOSTUNREACH,
  NOT_YET: ERRNO.EAGAIN,
}

/** Does it, and turns what goes wrong into an error for whoever reads or writes the file. `refused` hears the whole of it. */
export async function asFileErrors<Result>(work: () => Result | Promise<Result>, refused: (why: string) => void): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof FileError) throw error
    refused(error instanceof Error ? error.message : String(error))
    throw new FileError((error instanceof NodeError ? ERRNO_OF[error.code] : undefined) ?? ERRNO.EIO, String(error))
  }
}
