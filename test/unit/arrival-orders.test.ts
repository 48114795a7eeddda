import { expect, test } from 'vitest'
import { ArrivalOrders } from '../../agent/jobs/arrival-orders.ts'

test('orders to a job that arrives wait until it is all here, and come in their order; afterwards each is carried out at once', () => {
  const orders = new ArrivalOrders()
  const done: number[] = []
  orders.do(() => done.push(1))
  orders.hold()
  orders.do(() => done.push(2))
  orders.hold()
  orders.do(() => done.push(3))
  expect(done).toEqual([1])
  orders.release()
  orders.do(() => done.push(4))
  expect(done).toEqual([1, 2, 3, 4])
})

test('of more orders than anybody gives, the first are kept', () => {
  const orders = new ArrivalOrders()
  let done = 0
  orders.hold()
  for (let order = 0; order < 1_000; order++) orders.do(() => done++)
  orders.release()
  expect(done).toBeLessThan(100)
})
