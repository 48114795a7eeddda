import type { BuildEvent } from '../../../schema/build-event.ts'
import type { BuildListener } from './listener.ts'

/** A line on stderr per step and warning, for logs and for pipes; with `verbose` also why a step runs, and every command. */
export function plainListener(options: { verbose: boolean }): BuildListener {
  const titles = new Map<string, string>()
  const emit = (event: BuildEvent): void => {
    if (event.type === 'build-started') for (const { id, title } of event.steps) titles.set(id, title)
    const line = describeEvent(event, titles, options.verbose)
    if (line !== undefined) process.stderr.write(`${line}\n`)
  }
  return { emit, end: () => Promise.resolve() }
}

/** What one event reads like in a log, undefined when it is not worth a line. */
export function describeEvent(event: BuildEvent, titles: ReadonlyMap<string, string>, verbose: boolean): string | undefined {
  const title = 'step' in event ? (titles.get(event.step) ?? event.step) : ''
  switch (event.type) {
    case 'step-started': return verbose ? `${title} … (${event.why})` : `${title} …`
    case 'step-done': return event.cached ? `${title}: cached` : `${title}: done in ${event.seconds.toFixed(1)} s`
    case 'step-failed': return `${title}: failed`
    case 'warning': return `warning: ${event.message}`
    case 'command': return verbose ? `+ ${event.commandLine}` : undefined
    case 'build-done': return `${event.iso}: ${(event.bytes / 1e6).toFixed(1)} MB in ${event.seconds.toFixed(1)} s`
    case 'build-started':
    case 'step-progress': return undefined
  }
}
