import { expect, test } from 'vitest'
import { once } from '../../agent/os/once.ts'

test('what was made once is given again; what failed is tried again by the next call, and tried once for all that wait', async () => {
  let tries = 0
  const made = once(async () => {
    tries++
    if (tries === 1) throw new Error('too slow')
    return tries
  })
  expect((await Promise.allSettled([made(), made()])).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(tries).toBe(1)
  expect([await made(), await made()]).toEqual([2, 2])
})
