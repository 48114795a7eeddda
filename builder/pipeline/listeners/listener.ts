import type { BuildEvent } from '../../../schema/build-event.ts'

/** One way of showing a build. */
export interface BuildListener {
  emit(event: BuildEvent): void
  /** Called once when no more events will come, also after a failure. */
  end(): Promise<void>
}
