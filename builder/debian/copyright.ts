import { parseStanzas } from './control.ts'

/** Licence names of Debian's machine-readable copyright format (DEP-5) and what SPDX calls them. */
const SPDX_NAMES: Readonly<Record<string, string>> = {
  'apache-2.0': 'Apache-2.0',
  'artistic': 'Artistic-1.0-Perl',
  'bsd-2-clause': 'BSD-2-Clause',
  'bsd-3-clause': 'BSD-3-Clause',
  'bsl-1.0': 'BSL-1.0',
  'expat': 'MIT',
  'mit': 'MIT',
  'isc': 'ISC',
  'gpl-2': 'GPL-2.0-only',
  'gpl-2.0': 'GPL-2.0-only',
  'gpl-2+': 'GPL-2.0-or-later',
  'gpl-2.0+': 'GPL-2.0-or-later',
  'gpl-3': 'GPL-3.0-only',
  'gpl-3+': 'GPL-3.0-or-later',
  'gpl-3.0+': 'GPL-3.0-or-later',
  'lgpl-2.1': 'LGPL-2.1-only',
  'lgpl-2.1+': 'LGPL-2.1-or-later',
  'lgpl-3': 'LGPL-3.0-only',
  'lgpl-3+': 'LGPL-3.0-or-later',
  'mpl-2.0': 'MPL-2.0',
  'unlicense': 'Unlicense',
  'wtfpl': 'WTFPL',
  'zlib': 'Zlib',
}

/**
 * The SPDX expression for a machine-readable copyright file: all licences it names, joined by AND. Undefined when the file is free text
 * or names one that SPDX does not know under a name of its own.
 */
export function spdxExpression(copyright: string): string | undefined {
  if (!/^Format: *https?:\/\/[^\n]*copyright-format/im.test(copyright)) return undefined
  const names = parseStanzas(copyright).flatMap((stanza) => {
    const license = stanza.get('License')?.split('\n')[0]
    return license === undefined || license === '' || !stanza.has('Files') ? [] : [license]
  })
  const expressions = [...new Set(names)].map(expressionOf)
  const known = [...new Set(expressions.flatMap((expression) => expression ?? []))].toSorted()
  if (known.length === 0 || expressions.includes(undefined)) return undefined
  return known.length === 1 ? known[0] : known.map((name) => (name.includes(' OR ') ? `(${name})` : name)).join(' AND ')
}

/** One License field: `GPL-2+`, `GPL-2+ or Expat`, `BSD-3-clause and ISC`. */
function expressionOf(license: string): string | undefined {
  const alternatives = license.split(/\s+or\s+/i).map((alternative) => {
    const names = alternative.split(/,\s*|\s+and\s+/i).map((name) => SPDX_NAMES[name.trim().toLowerCase()])
    return names.includes(undefined) ? undefined : names.join(' AND ')
  })
  return alternatives.includes(undefined) ? undefined : alternatives.join(' OR ')
}
