import { expect, test } from 'vitest'
import { terminalPicture } from '../../builder/lab/terminal-picture.ts'

test('a picture of a terminal has each line at its place, in the width of its characters, and no control characters', () => {
  const picture = terminalPicture('\u001b[1ma <b> & c\u001b[0m   \r\n\n  two\n\n\n')
  expect(picture.match(/<text .*/g)).toEqual([
    '<text x="14" y="27" textLength="75.6">a\u00a0&lt;b&gt;\u00a0&amp;\u00a0c</text>',
    '<text x="14" y="63" textLength="42.0">\u00a0\u00a0two</text>',
  ])
  expect(picture).toMatch(/^<svg xmlns="[^"]+" width="104" height="82" viewBox="0 0 104 82">\n[^]*<\/svg>\n$/)
})
