import { parseConsoleLine, type StageLine, type WaitingLine } from '../../schema/stage-line.ts'

const TAIL_LINES = 12

/** What `lab ls` shows of a node, read from its serial log. */
export interface BootSummary {
  stage: string | undefined
  address: string | undefined
  id: string | undefined
  members: string | undefined
}

/** Our lines of the last boot in a serial log: from its `initramfs` line on, whole lines only. */
export function bootLines(serialText: string): (StageLine | WaitingLine)[] {
  const whole = serialText.slice(0, serialText.lastIndexOf('\n') + 1)
  const lines = whole.split('\n').flatMap((text) => parseConsoleLine(text) ?? [])
  const start = lines.findLastIndex((line) => line.kind === 'stage' && line.stage === 'initramfs')
  return lines.slice(Math.max(start, 0))
}

/** The stages of the last boot, in the order they came. */
export function bootStages(serialText: string): StageLine[] {
  return bootLines(serialText).filter((line) => line.kind === 'stage')
}

/** The newest value of everything the stage lines tell. */
export function summarise(serialText: string): BootSummary {
  const stages = bootStages(serialText)
  const newest = (key: string, ...of: string[]): string | undefined =>
    stages.findLast((line) => (of.length === 0 || of.includes(line.stage)) && line.fields[key] !== undefined)?.fields[key]
  return {
    stage: stages.at(-1)?.stage,
    address: newest('addr', 'address', 'ready') ?? newest('addr'),
    id: newest('id'),
    members: newest('members'),
  }
}

/** The end of a serial log for an error message: our own last lines when there are any, else the last lines of any kind. */
export function logTail(serialText: string): string {
  const plain = stripVTControls(serialText).split('\n').map((line) => line.trimEnd()).filter((line) => line !== '')
  const ours = plain.filter((line) => parseConsoleLine(line) !== undefined)
  return [...ours.slice(-TAIL_LINES), ...plain.slice(-3).filter((line) => !ours.includes(line))].map((line) => `    ${line}`).join('\n')
}

/** Removes terminal escape sequences, which firmware and GRUB write plenty of. */
export function stripVTControls(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/\u001b(?:\[[0-9;?=]*[A-Za-z]|[()][A-Z0-9]|[=>c])/g, '').replace(/\r/g, '')
}
