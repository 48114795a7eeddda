import { nodeMembers, nodeStatus, statusState } from '../api/node-status.ts'
import { readProcFigures } from '../api/proc-figures.ts'
import type { Lease } from '../../schema/node-state.ts'
import type { AgentContext, Capability } from '../capability.ts'
import type { NodeState } from '../state.ts'
import { submitClusterKey, type SubmitKey } from '../keys/cluster-key.ts'
import type { SetAddress } from '../leases/leases.ts'
import { EMPTY_PANEL, typeIntoPanel, type AddressPanel } from './address-panel.ts'
import { typeInto } from './masked-line.ts'
import type { MaskedLine } from './masked-line.ts'
import { renderStatusScreen } from './status-screen.ts'
import type { KeyForm, ScreenSize } from './status-screen.ts'
import { openKeyboard, openScreen } from './terminal.ts'
import type { Screen } from './terminal.ts'

const TAB = '\t'
const SHORTEST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 5_000

export interface ConsoleOptions {
  submitKey?: SubmitKey
  /** Without it no address can be typed. */
  setAddress?: SetAddress
  terminal?: string
  procFolder?: string
}

/**
 * Keeps the status screen on tty1: drawn anew at each change of the state, at most twice a second, and every 5 s for the
 * figures. While the node waits for its cluster key (`waiting['cluster-key']`), the key can be typed there; the Tab key opens and closes a form
 * for an address. Without a tty1 the node has no status screen and goes on.
 */
export function startConsole(context: AgentContext, options: ConsoleOptions = {}): Capability {
  const terminal = options.terminal ?? '/dev/tty1'
  const log = context.log.named('console')
  const form: { line: MaskedLine; refusal: string | undefined } = { line: { text: '' }, refusal: undefined }
  let panel: AddressPanel | undefined
  let screen: Screen
  let endKeyboard: () => void
  try {
    screen = openScreen(terminal)
    endKeyboard = openKeyboard(terminal, takeTyped)
  } catch (error) {
    log.warn(`no status screen: ${String(error)}`)
    return { stop: () => undefined }
  }

  let size: ScreenSize = screen.size()
  let drawnMs = -Infinity
  let sizedMs = context.nowMs()
  let timer: NodeJS.Timeout | undefined

  function draw(): void {
    drawnMs = context.nowMs()
    if (drawnMs - sizedMs >= LONGEST_PAUSE_MS) {
      sizedMs = drawnMs
      size = screen.size()
    }
    const now = statusState(context.state)
    screen.draw(renderStatusScreen({
      status: nodeStatus(context.config, now, readProcFigures(options.procFolder)),
      members: nodeMembers(now),
      nics: context.state.get('nics'),
      keyForm: waitsForKey() && panel === undefined ? form : undefined,
      addressPanel: panel,
      offersAddress: options.setAddress !== undefined && lacksAddress(context.state.get('leases'), context.state.get('waiting')),
      shell: context.config.console.shell,
    }, size))
    drawIn(LONGEST_PAUSE_MS)
  }

  function drawIn(ms: number): void {
    clearTimeout(timer)
    timer = setTimeout(draw, ms)
  }

  function takeTyped(typed: string): void {
    if (options.setAddress && typed === TAB) panel = panel === undefined ? EMPTY_PANEL : undefined
    else if (options.setAddress && panel !== undefined) panel = typeIntoPanel(panel, typed, options.setAddress)
    else if (waitsForKey()) takeKeyTyped(typed)
    else return
    draw()
  }

  function takeKeyTyped(typed: string): void {
    Object.assign(form, takeKey(form, typed, options.submitKey ?? submitClusterKey))
  }

  function waitsForKey(): boolean {
    return context.state.get('waiting')['cluster-key'] !== undefined
  }

  const changed = (): void => drawIn(Math.max(0, drawnMs + SHORTEST_PAUSE_MS - context.nowMs()))
  const keys = ['nics', 'leases', 'identity', 'members', 'stage', 'waiting'] as const
  const unwatch = keys.map((key) => context.state.watch(key, changed))
  draw()
  return {
    stop() {
      clearTimeout(timer)
      for (const end of unwatch) end()
      endKeyboard()
      screen.close()
    },
  }
}

/** Whether a card has a carrier and nobody gave it an address: what a person can help with, by typing one. */
function lacksAddress(leases: readonly Lease[], waiting: NodeState['waiting']): boolean {
  return waiting['leases'] !== undefined || (leases.length > 0 && leases.every(({ kind }) => kind === 'link-local'))
}

/** The key form after some characters were typed; a whole line is handed on and the form starts anew. */
export function takeKey(form: KeyForm, typed: string, submitKey: SubmitKey): KeyForm {
  const result = typeInto(form.line, typed)
  if (result.state === 'typing') return { ...form, line: result.line }
  const empty = { line: { text: '' }, refusal: undefined }
  if (result.state === 'given-up' || result.text.trim() === '') return empty
  const verdict = submitKey(result.text.trim())
  return verdict.accepted ? empty : { ...empty, refusal: verdict.why }
}
