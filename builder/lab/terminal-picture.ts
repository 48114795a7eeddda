import { stripVTControls } from './stage-log.ts'

const FONT_PX = 14
const CHARACTER_PX = 8.4
const LINE_PX = 18
const MARGIN_PX = 14
/** A terminal is hardly larger, and a file of that length is no screen. */
const LINES_LIMIT = 200
const COLUMNS_LIMIT = 300

/** What a terminal shows, given as text, as an SVG picture: light on dark, whatever the page behind it. Colours and other controls are left out. */
export function terminalPicture(text: string): string {
  const lines = stripVTControls(text).replaceAll('\r', '').trimEnd().split('\n').slice(0, LINES_LIMIT).map((line) => line.trimEnd().slice(0, COLUMNS_LIMIT))
  const width = Math.ceil(Math.max(...lines.map((line) => line.length)) * CHARACTER_PX) + 2 * MARGIN_PX
  const height = lines.length * LINE_PX + 2 * MARGIN_PX
  // Each line says how wide it is, so that columns stand below each other in any monospace font.
  const drawn = lines.map((line, index) => (
    line === '' ? '' : `<text x="${MARGIN_PX}" y="${MARGIN_PX + (index + 1) * LINE_PX - 5}" textLength="${(line.length * CHARACTER_PX).toFixed(1)}">${escaped(line)}</text>\n`
  ))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">\n`,
    `<rect width="100%" height="100%" rx="8" fill="#1b1f24"/>\n`,
    `<g font-family="monospace" font-size="${FONT_PX}" fill="#d7dde4" xml:space="preserve">\n`, ...drawn, '</g>\n</svg>\n',
  ].join('')
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll(' ', '\u00a0')
}
