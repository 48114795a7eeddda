import { ask } from './agent-client.ts'
import { parseJob } from './job-name.ts'
import { UsageError } from './usage-error.ts'
import { jsonOption, type Verb } from './verb.ts'

export const testmove: Verb = {
  name: 'testmove',
  usage: 'JOB [--json]',
  summary: 'find out for certain whether a job can move, without moving it',
  details: 'Dumps all of JOB on the node where it runs, throws that away and lets the job go on. It stands still meanwhile, longer than in a move, which copies most before. '
    + 'A job that cannot be dumped is refused as by migrate, with the code of the reason.',
  options: { json: jsonOption },
  wordsLimit: 1,
  async run({ options, words: [job], print, socketPath }) {
    if (job === undefined) throw new UsageError('plump testmove needs a JOB', 'plump job ls lists them')
    const report = await ask(socketPath, 'testmove', { job: parseJob(job) }, 0)
    print(options.json === true ? JSON.stringify(report, null, 2) : `job ${report.job} can move: it stood for ${report.freezeMs} ms on node ${report.node}, ${report.bytes} bytes`)
  },
}
