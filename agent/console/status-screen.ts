import type { Member, NicReport, NodeStatus } from '../../schema/node-state.ts'
import { formatMemory, formatNodeId, formatUptime, leaseOrigin, nicName, nicProblem } from '../api/describe.ts'
import { ADDRESS_FIELDS } from '../leases/address-form.ts'
import type { AddressPanel } from './address-panel.ts'
import { failureLines } from './failure-screen.ts'
import { line, wrap, type ScreenLine } from './screen-line.ts'
import { mask } from './masked-line.ts'
import type { MaskedLine } from './masked-line.ts'

/** Everything the screen shows. */
export interface ScreenState {
  status: NodeStatus
  members: readonly Member[]
  nics: readonly NicReport[]
  /** Set while the node waits for its cluster key: the form to type it into. */
  keyForm: KeyForm | undefined
  /** Set while somebody types an address. */
  addressPanel: AddressPanel | undefined
  /** Whether no DHCP server gave an address, so that typing one is offered. */
  offersAddress: boolean
  /** Whether there is a shell on tty3. */
  shell: boolean
}

export interface KeyForm {
  line: MaskedLine
  /** Why the last key was not taken. */
  refusal: string | undefined
}

export interface ScreenSize {
  columns: number
  rows: number
}

interface Section {
  heading: ScreenLine
  body: ScreenLine[]
  /** The verb that lists what did not fit. */
  more: string
}

const KEY_MASK_WIDTH = 48
const KEYS = ' Alt-F2 log'
const KEYS_WITH_SHELL = ' Alt-F2 log   Alt-F3 shell   plump help there lists the commands'

/**
 * The status screen as `rows` lines, each shorter than the screen is wide, without colours. What does not fit is cut from the
 * longest section and counted; the header, every section's heading and the keys stay. A node that cannot go on shows that and nothing else.
 */
export function renderStatusScreen(state: ScreenState, size: ScreenSize): ScreenLine[] {
  const { rows } = size
  const failure = state.status.waiting.find(({ fatal }) => fatal)
  if (failure) return fitScreen(failureLines(failure, state.status, state.nics, state.shell, size.columns - 1), size)
  // A cursor behind the last column stays on it, and wiping the rest of the row would take the character there.
  const columns = size.columns - 1
  const head = headLines(state.status, columns)
  const form = [
    ...(state.keyForm === undefined ? [] : keyFormLines(state.keyForm, columns)),
    ...(state.addressPanel === undefined ? [] : addressPanelLines(state.addressPanel, columns)),
  ]
  const foot: ScreenLine[] = [line(''), line(state.shell ? KEYS_WITH_SHELL : KEYS, 'hint')]
  const sections = [waitingSection(state.status, columns), addressSection(state), nicSection(state.nics), memberSection(state.members)]
    .filter((section) => section !== undefined)
  const room = rows - head.length - form.length - foot.length - sections.length * 2
  const body = fitSections(sections, room).flatMap((section) => [line(''), section.heading, ...section.body])
  const middle = [...form, ...body].slice(0, Math.max(0, rows - head.length - foot.length))
  const filler = Array.from({ length: Math.max(0, rows - head.length - middle.length - foot.length) }, () => line(''))
  return fitScreen([...head, ...middle, ...filler, ...foot], size)
}

function fitScreen(lines: readonly ScreenLine[], { rows, columns }: ScreenSize): ScreenLine[] {
  const filler = Array.from({ length: Math.max(0, rows - lines.length) }, () => line(''))
  return [...lines, ...filler].slice(0, rows).map(({ text, tone }) => ({ text: printable(text).slice(0, columns - 1).trimEnd(), tone }))
}

function headLines(status: NodeStatus, columns: number): ScreenLine[] {
  const id = status.id === undefined ? 'no id yet' : `id ${formatNodeId(status.id)} (${status.id})`
  const left = ` ${status.name}   ${id}   cluster ${status.cluster}`
  const right = `Plump ${status.version} `
  const memory = formatMemory(status.memoryUsedKiB, status.memoryTotalKiB)
  const figures = `load ${status.load.toFixed(2)}   memory ${memory}   up ${formatUptime(status.uptimeSeconds)}`
  const done = status.stage === 'ready' || status.stage === 'joined'
  return [
    line(left.padEnd(columns - right.length) + right, 'title'),
    line(''),
    line(` Stage: ${status.stage.padEnd(12)} ${figures}`, done && status.waiting.length === 0 ? 'good' : 'plain'),
  ]
}

function keyFormLines(form: KeyForm, columns: number): ScreenLine[] {
  return [
    line(''),
    line(' Type the cluster key here and press Enter', 'heading'),
    ...(form.refusal === undefined ? [] : wrap(`Not taken: ${form.refusal}`, '   ', columns).map((text) => line(text, 'problem'))),
    line(`   Key: ${mask(form.line, KEY_MASK_WIDTH)}_`, 'heading'),
  ]
}

function addressPanelLines(panel: AddressPanel, columns: number): ScreenLine[] {
  return [
    line(''),
    line(' Type the address of this node; Enter goes on, Tab leaves this form', 'heading'),
    ...(panel.refusal === undefined ? [] : wrap(`Not taken: ${panel.refusal}`, '   ', columns).map((text) => line(text, 'problem'))),
    ...ADDRESS_FIELDS.map(({ field, label, hint }, index) => (
      line(`   ${label.padEnd(8)} ${`${panel.typed[field]}${index === panel.at ? '_' : ''}`.padEnd(24)} ${hint}`, index === panel.at ? 'heading' : 'plain')
    )),
  ]
}

function waitingSection(status: NodeStatus, columns: number): Section | undefined {
  if (status.waiting.length === 0) return undefined
  const body = status.waiting.flatMap((waiting) => [
    ...wrap(waiting.for, '   ', columns).map((text) => line(text, 'problem')),
    ...wrap(waiting.fix, '     ', columns).map((text) => line(text)),
  ])
  return { heading: line(' Waiting for', 'heading'), body, more: 'plump status' }
}

function addressSection({ status, offersAddress, addressPanel }: ScreenState): Section {
  const offer = offersAddress && addressPanel === undefined ? [line('   No DHCP server answers. Tab: type an address (in a shell: netsetup)', 'hint')] : []
  const body = status.leases.map((lease) => {
    const address = `${lease.address}/${lease.prefixLength}`
    return line(`   ${lease.interface.padEnd(10)} ${address.padEnd(18)} ${leaseOrigin(lease)}`)
  })
  return { heading: line(' Addresses', 'heading'), body: [...(body.length === 0 ? [line('   none yet')] : body), ...offer], more: 'plump leases' }
}

function nicSection(nics: readonly NicReport[]): Section | undefined {
  const body = nics.flatMap((nic) => {
    const problem = nicProblem(nic)
    if (problem === undefined) return []
    return [line(`   ${nicName(nic).padEnd(18)} ${(nic.vendorDevice ?? '').padEnd(10)} ${problem}`, 'problem')]
  })
  return body.length === 0 ? undefined : { heading: line(' Network cards that cannot be used', 'heading'), body, more: 'plump nics' }
}

function memberSection(members: readonly Member[]): Section {
  const failed = members.filter((member) => member.state === 'failed').length
  const alive = members.filter((member) => member.state === 'alive').length
  const body = members.filter((member) => member.state !== 'left').map((member) => {
    const state = `${member.state}${member.self ? ', this node' : ''}`
    const text = `   ${formatNodeId(member.id)}   ${member.name.padEnd(20)} ${(member.addresses[0] ?? '').padEnd(16)} ${state}`
    return line(text, member.state === 'failed' ? 'problem' : 'plain')
  })
  return { heading: line(` Members: ${alive} alive${failed === 0 ? '' : `, ${failed} failed`}`, 'heading'), body, more: 'plump nodes' }
}

/** Takes lines from the longest section until all fit in `room` lines, down to one line per section. */
function fitSections(sections: readonly Section[], room: number): Section[] {
  const heights = sections.map((section) => section.body.length)
  const total = (): number => heights.reduce((sum, height) => sum + height, 0)
  while (total() > room && Math.max(...heights) > 1) {
    const highest = Math.max(...heights)
    heights[heights.indexOf(highest)] = highest - 1
  }
  return sections.map((section, index) => ({ ...section, body: cutBody(section, heights[index] ?? 0) }))
}

function cutBody({ body, more }: Section, height: number): ScreenLine[] {
  if (body.length <= height) return body
  const shown = body.slice(0, Math.max(0, height - 1))
  return [...shown, line(`   and ${body.length - shown.length} more: ${more}`, 'hint')]
}

/** Names come from other machines: nothing in them may steer the terminal, and the console's font has ASCII for sure. */
function printable(text: string): string {
  return text.replace(/[^ -~]/g, '?')
}
