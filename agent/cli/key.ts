import { NodeError } from '../api/node-error.ts'
import { ask } from './agent-client.ts'
import { readMaskedLine, readPipedLine } from './read-line.ts'
import { UsageError } from './usage-error.ts'
import type { KeyStatus } from '../../schema/key-api.ts'
import { jsonOption, type Verb } from './verb.ts'

const TRIES_LIMIT = 5

export const key: Verb = {
  name: 'key',
  usage: 'enter | status [--json]',
  summary: 'type the cluster key on a node whose image does not carry it; see how far a change of the key is',
  details: [
    'Asks for the cluster key, shows a star per character, and hands it to the agent. A key that is none is asked for again.',
    'On a node that has its key already, the new key and the old one (what ./plump key show prints after ./plump key rotate) begin the change in the whole cluster.',
    'In a script: plump key enter < FILE. The key is never taken from the command line, where every program could read it.',
    'status tells whether the cluster key is being changed and for how long the present state lasts. It shows fingerprints, never a key.',
  ].join('\n'),
  options: { json: jsonOption },
  wordsLimit: 1,
  async run({ options, words, print, socketPath }) {
    const [word] = words
    if (word === 'status') return print(statusText(await ask(socketPath, 'key-status', {}), options['json'] === true))
    if (word !== 'enter') throw new UsageError(`plump key ${word === undefined ? 'needs a word' : `does not take "${word}"`}`, 'plump key enter, plump key status')
    if (!process.stdin.isTTY) await ask(socketPath, 'submit-key', { text: await readPipedLine(process.stdin) })
    else await askUntilTaken(socketPath)
    print('the key was taken; plump status tells how the node goes on')
  },
}

function statusText(status: KeyStatus, asJson: boolean): string {
  if (asJson) return JSON.stringify(status)
  if (status.state === 'one-key') return `one key, ${status.fingerprint}`
  const what = {
    waiting: 'it begins when another member is there',
    spreading: 'the old key is spoken while the new one spreads',
    retiring: 'the new key is spoken, the old one is still understood',
  }[status.state]
  const left = status.secondsLeft === undefined ? '' : `, for ${status.secondsLeft} s more`
  return `the key changes from ${status.oldFingerprint} to ${status.fingerprint}: ${what}${left}`
}

async function askUntilTaken(socketPath: string): Promise<void> {
  for (let triesLeft = TRIES_LIMIT - 1; ; triesLeft -= 1) {
    const text = await readMaskedLine(process.stdin, process.stderr, 'Cluster key: ')
    try {
      await ask(socketPath, 'submit-key', { text })
      return
    } catch (error) {
      if (!(error instanceof NodeError) || error.code !== 'KEY_REFUSED' || triesLeft === 0) throw error
      process.stderr.write(`not taken: ${error.message}\n`)
    }
  }
}
