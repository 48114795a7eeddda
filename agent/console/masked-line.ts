/** A line somebody types unseen: what there is of it so far. */
export interface MaskedLine {
  text: string
}

export type TypedResult = { state: 'typing'; line: MaskedLine } | { state: 'entered'; text: string } | { state: 'given-up' }

export const MASKED_LINE_LIMIT_CHARS = 256

/**
 * Takes the characters that came from a terminal in raw mode: Enter ends the line, Backspace takes one back, Ctrl-U all,
 * Ctrl-C and Ctrl-D give up. What follows an Enter in the same piece is dropped, as are control characters, escape
 * sequences (arrow keys) and what exceeds {@link MASKED_LINE_LIMIT_CHARS}.
 */
export function typeInto(line: MaskedLine, typed: string): TypedResult {
  let text = line.text
  // oxlint-disable-next-line no-control-regex -- these are what a terminal sends for arrow and function keys
  for (const char of typed.replace(/\x1b(?:\[[0-9;[]*[A-Za-z~]|O.|.)?/g, '')) {
    if (char === '\r' || char === '\n') return { state: 'entered', text }
    if (char === '\x03' || char === '\x04') return { state: 'given-up' }
    if (char === '\x7f' || char === '\b') text = text.slice(0, -1)
    else if (char === '\x15') text = ''
    else if (char >= ' ' && char <= '~' && text.length < MASKED_LINE_LIMIT_CHARS) text += char
  }
  return { state: 'typing', line: { text } }
}

/** The line as it may be shown: a star per character, the last ones only when there are more than `width`. */
export function mask(line: MaskedLine, width: number): string {
  return '*'.repeat(Math.min(line.text.length, width))
}
