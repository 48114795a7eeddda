import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nodeIdOf, nodeName } from '../../agent/identity/node-id.ts'

test('the id is the low 16 bits of the address, as openMosix\' omdiscd had it', () => {
  expect(nodeIdOf('192.168.10.220')).toBe(2780)
  expect(nodeName('plump', 2780)).toBe('plump-0adc')
})

test('neither end of the mesh network is an id', () => {
  expect(nodeIdOf('10.1.0.0')).toBe(1)
  expect(nodeIdOf('10.1.255.255')).toBe(0xfffe)
  fc.assert(fc.property(fc.ipV4(), (address) => {
    expect(nodeIdOf(address)).toBeGreaterThan(0)
    expect(nodeIdOf(address)).toBeLessThan(0xffff)
  }))
})
