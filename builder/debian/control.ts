/** Reads Debian's control format (deb822): stanzas separated by empty lines, `Field: value`, continuation lines indented. */
export function parseStanzas(text: string): Map<string, string>[] {
  return text.split(/\n[ \t]*\n/).map(parseStanza).filter((stanza) => stanza.size > 0)
}

function parseStanza(text: string): Map<string, string> {
  const fields = new Map<string, string>()
  let name: string | undefined
  for (const line of text.split('\n')) {
    const field = /^([^\s:#][^\s:]*):[ \t]*(.*)$/.exec(line)
    if (field?.[1] !== undefined) {
      name = field[1]
      fields.set(name, (field[2] ?? '').trimEnd())
    } else if (name !== undefined && /^[ \t]/.test(line)) {
      fields.set(name, `${fields.get(name) ?? ''}\n${line.trim()}`)
    }
  }
  return fields
}

/** The package names in a Depends field, first alternatives only: `linux-image-6.12 (= 6.12-1), a | b` gives `linux-image-6.12`, `a`. */
export function dependencyNames(depends: string): string[] {
  return depends.split(',').flatMap((part) => /^\s*([a-z0-9][a-z0-9+.-]+)/.exec(part)?.[1] ?? [])
}
