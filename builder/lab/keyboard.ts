import { usage } from './options.ts'

/** Keys pressed together, by QEMU's names (QKeyCode in its qapi/ui.json). */
export type Chord = readonly string[]

const HOLD_MS = 20

/** Unshifted and shifted characters of a US keyboard, by key. */
const KEYS: Record<string, string> = {
  grave_accent: '`~', minus: '-_', equal: '=+', bracket_left: '[{', bracket_right: ']}', backslash: '\\|', semicolon: ';:', apostrophe: '\'"',
  comma: ',<', dot: '.>', slash: '/?', spc: ' ', ret: '\n', tab: '\t',
  ...Object.fromEntries([...'1234567890'].map((digit, index) => [digit, `${digit}${'!@#$%^&*()'.charAt(index)}`])),
  ...Object.fromEntries([...'abcdefghijklmnopqrstuvwxyz'].map((letter) => [letter, `${letter}${letter.toUpperCase()}`])),
}

const CHORDS = new Map<string, Chord>(Object.entries(KEYS).flatMap(([key, [plain = '', shifted = '']]) => [
  [plain, [key]] as const, [shifted, ['shift', key]] as const,
]))

/** The chords that type a text on a US keyboard; a line break is the Enter key. Throws PlumpError USAGE for a character that has no key. */
export function chordsOf(text: string): Chord[] {
  return [...text].map((character) => {
    const chord = CHORDS.get(character)
    if (character === '' || !chord) throw usage(`no key of a US keyboard types "${character}"`, 'type plain ASCII')
    return chord
  })
}

/** Arguments of QMP's send-key, and how long to wait before the next chord so that none is lost. */
export function sendKeyArguments(chord: Chord): { parameters: Record<string, unknown>; pauseMs: number } {
  return { parameters: { 'keys': chord.map((data) => ({ type: 'qcode', data })), 'hold-time': HOLD_MS }, pauseMs: 3 * HOLD_MS }
}
