import type { NodeJson } from '../schema/node-json.ts'
import type { KeyRing } from './keys/key-ring.ts'
import type { StateStore } from './state.ts'
import type { Log } from './log.ts'

/** What every capability gets from main. */
export interface AgentContext {
  config: NodeJson
  /** The cluster key; undefined while `cluster.key: ask` waits for it. */
  keys: KeyRing | undefined
  state: StateStore
  log: Log
  /** Prints a stage line on every console and remembers the stage. */
  stage(stage: import('../schema/stage-line.ts').Stage, fields: Record<string, string>): void
  /** Milliseconds on a clock that never jumps. */
  nowMs(): number
}

/** Each capability folder exports `start…(context): Capability` from its main file. */
export interface Capability {
  /** Ends timers and watchers; programs that serve the node (udhcpc, serf) go on, so that a restarted agent takes them over. */
  stop(): void
}
