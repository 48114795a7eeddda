import { nodeMembers, nodeStatus, statusState } from '../api/node-status.ts'
import { readProcFigures } from '../api/proc-figures.ts'
import type { AgentContext, Capability } from '../capability.ts'
import { submitClusterKey, type SubmitKey } from '../members/cluster-key.ts'
import { typeInto } from './masked-line.ts'
import type { MaskedLine } from './masked-line.ts'
import { renderStatusScreen } from './status-screen.ts'
import type { KeyForm, ScreenSize } from './status-screen.ts'
import { openKeyboard, openScreen } from './terminal.ts'
import type { Screen } from './terminal.ts'

const SHORTEST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 5_000

export interface ConsoleOptions {
  submitKey?: SubmitKey
  terminal?: string
  procFolder?: string
}

/**
 * Keeps the status screen on tty1: drawn anew at each change of the state, at most twice a second, and every 5 s for the
 * figures. While the node waits for its cluster key (`waiting['cluster-key']`), the key can be typed there. Without a tty1 the node
 * has no status screen and goes on.
 */
export function startConsole(context: AgentContext, options: ConsoleOptions = {}): Capability {
  const terminal = options.terminal ?? '/dev/tty1'
  const log = context.log.named('console')
  const form: { line: MaskedLine; refusal: string | undefined } = { line: { text: '' }, refusal: undefined }
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
      keyForm: waitsForKey() ? form : undefined,
      shell: context.config.console.shell,
    }, size))
    drawIn(LONGEST_PAUSE_MS)
  }

  function drawIn(ms: number): void {
    clearTimeout(timer)
    timer = setTimeout(draw, ms)
  }

  function takeTyped(typed: string): void {
    if (!waitsForKey()) return
    Object.assign(form, takeKey(form, typed, options.submitKey ?? submitClusterKey))
    draw()
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

/** The key form after some characters were typed; a whole line is handed on and the form starts anew. */
export function takeKey(form: KeyForm, typed: string, submitKey: SubmitKey): KeyForm {
  const result = typeInto(form.line, typed)
  if (result.state === 'typing') return { ...form, line: result.line }
  const empty = { line: { text: '' }, refusal: undefined }
  if (result.state === 'given-up' || result.text.trim() === '') return empty
  const verdict = submitKey(result.text.trim())
  return verdict.accepted ? empty : { ...empty, refusal: verdict.why }
}
