import type { BuildEvent } from '../../../schema/build-event.ts'

/** One way of showing a build. */
export interface BuildListener {
  emit(event: BuildEvent): void
  /** No more events will come: finishes what is shown. Also after a failure; a second call does nothing. */
  end(): Promise<void>
}
