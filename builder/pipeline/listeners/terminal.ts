import { styleText } from 'node:util'
import { Listr, ListrLogger, ProcessOutput, type DefaultRenderer, type ListrTaskWrapper, type SimpleRenderer } from 'listr2'
import type { BuildEvent } from '../../../schema/build-event.ts'
import type { BuildListener } from './listener.ts'

type Row = ListrTaskWrapper<unknown, typeof DefaultRenderer, typeof SimpleRenderer>

/** One line of the list: what the step is called, and how to end it. */
interface Step {
  title: string
  finished: PromiseWithResolvers<void>
  row: Row | undefined
}

/** A live list of the steps on the terminal (stderr, so that stdout stays free for results). */
export function terminalListener(): BuildListener {
  let steps = new Map<string, Step>()
  const warnings: string[] = []
  let shown = Promise.resolve()
  let summary: string | undefined

  const tell = (event: Exclude<BuildEvent, { type: 'build-started' | 'build-done' | 'command' }>): void => {
    const step = steps.get(event.step)
    if (event.type === 'warning') warnings.push(`warning: ${event.message}`)
    if (!step) return
    switch (event.type) {
      case 'step-started':
        if (step.row) step.row.title = step.title
        break
      case 'step-progress':
        if (step.row) step.row.output = event.text
        break
      case 'step-done':
        if (step.row) step.row.title = `${step.title} ${styleText('dim', event.cached ? 'cached' : `${event.seconds.toFixed(1)} s`)}`
        step.finished.resolve()
        break
      case 'step-failed':
        step.finished.reject(new Error(step.title))
        break
      case 'warning':
        break
    }
  }

  const emit = (event: BuildEvent): void => {
    if (event.type === 'build-started') {
      for (const step of steps.values()) step.finished.resolve()
      steps = new Map(event.steps.map(({ id, title }) => [id, { title, finished: Promise.withResolvers<void>(), row: undefined }]))
      shown = showList([...steps.values()])
    } else if (event.type === 'build-done') {
      summary = `${event.iso}: ${(event.bytes / 1e6).toFixed(1)} MB in ${event.seconds.toFixed(1)} s`
    } else if (event.type !== 'command') {
      tell(event)
    }
  }

  const end = async (): Promise<void> => {
    for (const step of steps.values()) step.finished.reject(new Error('not reached'))
    await shown
    for (const warning of warnings.splice(0)) process.stderr.write(`${styleText('yellow', warning)}\n`)
    if (summary !== undefined) process.stderr.write(`${summary}\n`)
    summary = undefined
  }

  return { emit, end }
}

async function showList(steps: readonly Step[]): Promise<void> {
  const tasks = steps.map((step) => ({
    title: styleText('dim', step.title),
    task: (_: unknown, row: Row) => {
      step.row = row
      return step.finished.promise
    },
  }))
  const logger = new ListrLogger({ useIcons: false, toStderr: [], processOutput: new ProcessOutput(process.stderr, process.stdout) })
  const list = new Listr(tasks, { concurrent: true, exitOnError: false, registerSignalListeners: false, rendererOptions: { logger, collapseErrors: true, showErrorMessage: false } })
  // A failed step has been told already; the error itself reaches the user through the command's own end.
  await list.run().catch(() => undefined)
}
