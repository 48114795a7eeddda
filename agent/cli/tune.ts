import { ask } from './agent-client.ts'
import { UsageError } from './usage-error.ts'
import { jsonOption } from './verb.ts'
import type { Verb } from './verb.ts'

export const tune: Verb = {
  name: 'tune',
  usage: '[SPEED | measured] [--json]',
  summary: 'measure this node\'s CPU speed again, or set it',
  details: 'Without a word, measures the speed of a CPU with a short loop (10000 is the standard CPU). With SPEED, the node takes itself to be that fast: a low figure makes jobs leave it. With "measured", goes back to what was measured. '
    + 'mosctl setspeed and /hpc/admin/speed set the same speed.',
  options: { json: jsonOption },
  wordsLimit: 1,
  async run({ options, words: [word], print, socketPath }) {
    const answer = await ask(socketPath, 'set-speed', { speed: wanted(word) })
    print(options.json === true ? JSON.stringify(answer) : `speed ${answer.speed}`)
  },
}

function wanted(word: string | undefined): number | 'measure' | 'measured' {
  if (word === undefined) return 'measure'
  if (word === 'measured') return 'measured'
  const speed = Number(word)
  if (/^\d+$/.test(word) && speed >= 1 && speed <= 100_000_000) return speed
  throw new UsageError(`"${word}" is no speed; it is a number from 1 to 100000000, 10000 for a standard CPU`, 'plump tune 10000')
}
