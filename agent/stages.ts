import { STAGES, formatStageLine, formatWaitingLine, type Stage } from '../schema/stage-line.ts'
import type { StateStore } from './state.ts'

/** What a stage line needs of the world; memory is a file in /run, so that it ends with the boot. */
export interface StageEdges {
  /** Prints one line on every console. */
  print(line: string): void
  /** Seconds since the kernel started. */
  uptimeSeconds(): number
  /** Keys of the lines that this boot has printed already, from {@link StageEdges.remember}. */
  printedBefore(): readonly string[]
  remember(printed: readonly string[]): void
}

export type StagePrinter = (stage: Stage, fields: Record<string, string>) => void

/**
 * Gives the function that prints stage lines and remembers the stage in the state, and prints a line whenever something
 * new is waited for. An agent that was restarted takes over what runs and reaches the same stages again: those lines
 * were printed already and stay unprinted, save `agent` itself.
 */
export function openStages(state: StateStore, edges: StageEdges): StagePrinter {
  const takenOver = new Set(edges.printedBefore())
  const printed = new Set(takenOver)

  state.watch('waiting', (waiting, before) => {
    for (const [owner, now] of Object.entries(waiting)) {
      if (now && JSON.stringify(now) !== JSON.stringify(before[owner])) edges.print(formatWaitingLine(now))
    }
  })

  return (stage, fields) => {
    const key = stageKey(stage, fields)
    if (stage === 'agent' || !takenOver.delete(key)) {
      edges.print(formatStageLine({ stage, seconds: edges.uptimeSeconds(), fields }))
      printed.add(key)
      edges.remember([...printed])
    }
    // Last: a watcher of the stage may reach the next one at once, and the lines must stand in their order.
    if (STAGES.indexOf(stage) > STAGES.indexOf(state.get('stage'))) state.set('stage', stage)
  }
}

/** `lease` comes once per address, every other stage once per boot. */
function stageKey(stage: Stage, fields: Record<string, string>): string {
  return stage === 'lease' ? `lease ${fields['if']} ${fields['addr']}` : stage
}
