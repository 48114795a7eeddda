import { NodeError } from '../api/node-error.ts'
import { ask } from './agent-client.ts'
import { readMaskedLine, readPipedLine } from './read-line.ts'
import { UsageError } from './usage-error.ts'
import type { Verb } from './verb.ts'

const TRIES_LIMIT = 5

export const key: Verb = {
  name: 'key',
  usage: 'enter',
  summary: 'type the cluster key on a node whose image does not carry it',
  details: [
    'Asks for the cluster key, shows a star per character, and hands it to the agent. A key that is none is asked for again.',
    'In a script: plump key enter < FILE. The key is never taken from the command line, where every program could read it.',
  ].join('\n'),
  options: {},
  wordsLimit: 1,
  async run({ words, print, socketPath }) {
    const [word] = words
    if (word !== 'enter') throw new UsageError(`plump key ${word === undefined ? 'needs a word' : `does not take "${word}"`}`, 'plump key enter')
    if (!process.stdin.isTTY) await ask(socketPath, 'submit-key', { text: await readPipedLine(process.stdin) })
    else await askUntilTaken(socketPath)
    print('the key was taken; plump status tells how the node goes on')
  },
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
