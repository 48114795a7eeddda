import { expect, test } from 'vitest'
import { PlumpError } from '../../builder/errors.ts'
import { chordsOf } from '../../builder/lab/keyboard.ts'

test('each character becomes the keys that type it on a US keyboard', () => {
  expect(chordsOf('aZ9+/=\n')).toEqual([['a'], ['shift', 'z'], ['9'], ['shift', 'equal'], ['slash'], ['equal'], ['ret']])
})

test('every printable ASCII character has a key', () => {
  const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index))
  expect(new Set(printable.map((character) => chordsOf(character).join(' '))).size).toBe(95)
})

test('a character without a key is an error that names it', () => {
  expect(() => chordsOf('a€')).toThrow(PlumpError)
  expect(() => chordsOf('a€')).toThrow('€')
})
