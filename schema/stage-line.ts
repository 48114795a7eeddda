/** Stage lines: what each stage of a boot prints to every console, for people and for tests (design.md, "Serial and screen"). */

/** In the order they run; `lease` comes once per interface. */
export const STAGES = ['initramfs', 'root', 'agent', 'nics', 'lease', 'address', 'ready', 'joined'] as const
export type Stage = (typeof STAGES)[number]

export interface StageLine {
  kind: 'stage'
  stage: Stage
  /** Seconds since the kernel started. */
  seconds: number
  fields: Record<string, string>
}

export interface WaitingLine {
  kind: 'waiting'
  /** What the stage cannot go on without. */
  for: string
  fix: string
}

/** `plump: STAGE t=SECONDS key=value …`; blanks inside a value become `_`, so that a value is always one word. */
export function formatStageLine(line: Omit<StageLine, 'kind'>): string {
  const fields = Object.entries(line.fields).map(([key, value]) => ` ${key}=${value.replace(/\s+/g, '_')}`)
  return `plump: ${line.stage} t=${line.seconds.toFixed(2)}${fields.join('')}`
}

/** `plump: waiting for WHAT; FIX` */
export function formatWaitingLine(line: Omit<WaitingLine, 'kind'>): string {
  return `plump: waiting for ${line.for}; ${line.fix}`
}

/** Reads one console line; undefined when it is not one of ours. */
export function parseConsoleLine(text: string): StageLine | WaitingLine | undefined {
  const line = text.replace(/\r/g, '').trimEnd()
  const waiting = /plump: waiting for ([^;]+); (.+)$/.exec(line)
  if (waiting) return { kind: 'waiting', for: waiting[1] ?? '', fix: waiting[2] ?? '' }
  const match = /plump: ([a-z]+) t=(\d+(?:\.\d+)?)((?: [a-zA-Z]+=\S*)*)$/.exec(line)
  const stage = STAGES.find((name) => name === match?.[1])
  if (!match || !stage) return undefined
  const words = (match[3] ?? '').split(' ').filter((word) => word !== '')
  const fields = Object.fromEntries(words.map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]))
  return { kind: 'stage', stage, seconds: Number(match[2]), fields }
}
