import { isMap, isScalar, LineCounter, parseDocument } from 'yaml'

/** The lines of a plump.yaml that say something, by key with dots: `menu.timeoutSeconds` -> 12. A list counts as one value. */
export function keyLines(text: string): Map<string, number> {
  const counter = new LineCounter()
  const lines = new Map<string, number>()
  const collect = (node: unknown, prefix: string): void => {
    if (!isMap(node)) return
    for (const { key, value } of node.items) {
      if (!isScalar(key)) continue
      const path = prefix === '' ? String(key.value) : `${prefix}.${String(key.value)}`
      lines.set(path, counter.linePos(key.range?.[0] ?? 0).line)
      collect(value, path)
    }
  }
  collect(parseDocument(text, { lineCounter: counter }).contents, '')
  return lines
}
