import { beforeEach } from 'vitest'

/** `./plump test --within` says by this until when tests may begin, in milliseconds since 1970. */
const end = Number(process.env['PLUMP_TEST_END_MS'] ?? Infinity)

beforeEach(({ skip }) => {
  skip(Date.now() > end, 'no time was left for it')
})
