import { ask } from './agent-client.ts'
import { parseJob } from './job-name.ts'
import { UsageError } from './usage-error.ts'
import { jsonOption } from './verb.ts'
import type { Verb } from './verb.ts'

export const why: Verb = {
  name: 'why',
  usage: 'JOB [--json]',
  summary: 'why a job that runs here moves or stays',
  details: 'Explains the last decision about a job, with its figures. Decisions are made once a second by the node where the job runs: ask there. With --json: the judgement with all of its figures.',
  options: { json: jsonOption },
  wordsLimit: 1,
  async run({ options, words: [job], print, socketPath }) {
    if (job === undefined) throw new UsageError('plump why takes a job', 'plump why 0adc-17')
    const answer = await ask(socketPath, 'why', { job: parseJob(job) })
    print(options.json === true ? JSON.stringify(answer, null, 2) : `job ${job} ${answer.text}`)
  },
}
