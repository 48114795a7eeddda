import { resolve } from 'node:path'
import { NodeError } from '../api/node-error.ts'
import { ask } from './agent-client.ts'
import { jsonOption } from './verb.ts'
import type { Verb } from './verb.ts'

export const decisions: Verb = {
  name: 'decisions',
  usage: '[--replay FILE] [--json]',
  summary: 'what this node decided about its jobs, and the same again from a record',
  details: 'Prints the last decisions (from /var/log/plump-decisions.log). With --replay FILE: runs the recorded inputs through the decision code and says whether the answers are the same; it ends with code 1 when one differs.',
  options: { replay: { type: 'string', help: 'a decision log, of this or another node' }, json: jsonOption },
  wordsLimit: 0,
  async run({ options, print, socketPath }) {
    if (typeof options.replay === 'string') {
      const { decisions: count, differing } = await ask(socketPath, 'replay-decisions', { file: resolve(options.replay) })
      const [first] = differing
      if (first !== undefined) throw new NodeError('DECIDED_OTHERWISE', `${differing.length} of ${count} decisions come out otherwise, the first that of ${first}`, 'replay with the version that recorded it: plump version')
      return print(options.json === true ? JSON.stringify({ decisions: count, differing }) : `${count} decisions, all the same again`)
    }
    const answer = await ask(socketPath, 'decisions')
    if (options.json === true) print(JSON.stringify(answer, null, 2))
    else print(answer.length === 0 ? 'nothing decided yet: no job runs here' : answer.map(({ time, judgement, text }) => `${time} job ${judgement.job} ${text}`).join('\n'))
  },
}
