import { beforeEach } from 'vitest'
import { neededMs } from './last.ts'

/** `./plump test --within` says by this until when tests are to be done, in milliseconds since 1970. */
const end = Number(process.env['PLUMP_TEST_END_MS'] ?? Infinity)

beforeEach(({ skip, task }) => {
  skip(Date.now() + neededMs(task.file.filepath) > end, 'no time was left for it')
})
