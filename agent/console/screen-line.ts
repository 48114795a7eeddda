/** How a line wants to be seen; the edge makes colours of it. */
export type Tone = 'title' | 'plain' | 'heading' | 'good' | 'problem' | 'hint'

export interface ScreenLine {
  text: string
  tone: Tone
}

export function line(text: string, tone: Tone = 'plain'): ScreenLine {
  return { text, tone }
}

/** Breaks a sentence between words into lines of at most `columns`, each indented; a longer word is left to be cut. */
export function wrap(text: string, indent: string, columns: number): string[] {
  const lines: string[] = []
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(`${indent}${word}`)
  }
  return lines
}
