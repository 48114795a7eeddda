import type { Inputs } from './step.ts'

const SHOWN_VALUE_CHARS = 48
const SHOWN_REASONS = 4

/** Why a cached result with inputs `before` cannot serve now: one short sentence per input that differs. */
export function changedInputs(before: Inputs, now: Inputs): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].toSorted()
  return names.flatMap((name) => describeChange(name, before[name], now[name]) ?? [])
}

function describeChange(name: string, before: string | undefined, now: string | undefined): string | undefined {
  if (before === now) return undefined
  const what = name.replace(/^result /, 'result of ').replace(/^code /, '')
  if (before === undefined) return `${what} is new`
  if (now === undefined) return `${what} is gone`
  return isShown(before) && isShown(now) ? `${what} ${before} -> ${now}` : `${what} changed`
}

function isShown(value: string): boolean {
  return value.length <= SHOWN_VALUE_CHARS && !/^[0-9a-f]{32,}/.test(value)
}

/** The reasons on one line, the first few by name. */
export function summarizeReasons(reasons: readonly string[]): string {
  const more = reasons.length - SHOWN_REASONS
  return [...reasons.slice(0, SHOWN_REASONS), ...(more > 0 ? [`${more} more`] : [])].join(', ')
}
