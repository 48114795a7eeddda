import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { imageId } from '../../builder/image/image-id.ts'
import { formatManifest } from '../../builder/image/medium.ts'

describe('the image id', () => {
  test('is 16 hexadecimal digits, and for the same parts the same for ever', () => {
    expect(imageId({ 'live/root.sqfs': 'aa', version: '0.1.0' })).toBe('8bd3304755c7458d')
  })

  test('does not depend on the order of the parts', () => {
    fc.assert(fc.property(fc.dictionary(fc.string(), fc.string()), (parts) => {
      expect(imageId(Object.fromEntries(Object.entries(parts).toReversed()))).toBe(imageId(parts))
    }))
  })

  test('changes with every part, also where text moves from one to the next', () => {
    fc.assert(fc.property(fc.string(), fc.string({ minLength: 1 }), (a, b) => {
      expect(imageId({ a: a + b, b: '' })).not.toBe(imageId({ a, b }))
    }))
  })
})

test('the manifest has hash, size and path, sorted by path', () => {
  expect(formatManifest([{ path: 'live/root.sqfs', sha256: 'bb', bytes: 7 }, { path: '.disk/info', sha256: 'aa', bytes: 3 }]))
    .toBe('aa  3  .disk/info\nbb  7  live/root.sqfs\n')
})
