import type { MigrationReport } from '../../schema/migration.ts'
import { askForSteps } from './agent-client.ts'
import { parseJob } from './job-name.ts'
import { parseNode } from './run.ts'
import { UsageError } from './usage-error.ts'
import { jsonOption, type Verb } from './verb.ts'

export const migrate: Verb = {
  name: 'migrate',
  usage: 'JOB NODE|home|best [--json]',
  summary: 'move a job to another node while it runs',
  details: 'Copies the memory of JOB to the node while the job goes on, freezes it for the rest, and lets it go on there. Run it on the node where the job runs or on its home. '
    + '"home" moves it back, "best" takes it where it costs least. When it fails, the job goes on where it was.',
  options: { json: jsonOption },
  wordsLimit: 2,
  async run({ options, words, print, socketPath }) {
    const [job, target] = words
    if (job === undefined || target === undefined) throw new UsageError('plump migrate needs a job and a node', 'plump migrate 0adc-1 home')
    const to = target === 'home' || target === 'best' ? target : parseNode(target)
    await askForSteps(socketPath, 'migrate', { job: parseJob(job), to }, (result) => {
      if ('progress' in result) {
        process.stderr.write(`${result.progress}\n`)
        return 'more'
      }
      print(options.json === true ? JSON.stringify(result.report, null, 2) : describeReport(result.report))
      return 'enough'
    })
  },
}

function describeReport({ job, to, freezeMs, totalMs, bytes, rounds }: MigrationReport): string {
  return `job ${job} is on node ${to}: it stood for ${freezeMs} ms of ${totalMs} ms, ${bytes} bytes in ${rounds} rounds and the rest`
}
