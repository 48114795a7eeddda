import type { NicReport, NodeStatus, Waiting } from '../../schema/node-state.ts'
import { describeDriver, nicName } from '../api/describe.ts'
import { line, wrap, type ScreenLine } from './screen-line.ts'

const CARDS_SHOWN = 8

/** The whole screen of a node that cannot go on without somebody's help: what happened, what to do, and what the machine has. */
export function failureLines(failure: Waiting, status: NodeStatus, nics: readonly NicReport[], shell: boolean, columns: number): ScreenLine[] {
  const cards = nics.map((nic) => line(`   ${nicName(nic).padEnd(18)} ${(nic.vendorDevice ?? '').padEnd(10)} ${describeDriver(nic)}`))
  const others = status.waiting.filter((waiting) => waiting !== failure)
  return [
    line(` This node cannot go on   (Plump ${status.version})`.padEnd(columns), 'title'),
    line(''),
    line(' It needs', 'heading'),
    ...wrap(failure.for, '   ', columns).map((text) => line(text, 'problem')),
    line(''),
    line(' Fix', 'heading'),
    ...wrap(failure.fix, '   ', columns).map((text) => line(text)),
    line(''),
    line(' Network cards', 'heading'),
    ...(cards.length === 0 ? [line('   none was found')] : cards.slice(0, CARDS_SHOWN)),
    ...(others.length === 0 ? [] : [line(''), line(' It also waits for', 'heading'), ...others.flatMap((waiting) => wrap(waiting.for, '   ', columns).map((text) => line(text)))]),
    line(''),
    line(` Alt-F2 log${shell ? '   Alt-F3 shell' : ''}   plump support writes all of it to a stick`, 'hint'),
  ]
}
