import type { LogEntry } from '../../schema/api.ts'
import { UsageError } from './usage-error.ts'
import { ask, follow } from './agent-client.ts'
import { jsonOption } from './verb.ts'
import type { Verb } from './verb.ts'

const LINES_LIMIT = 5_000

export const log: Verb = {
  name: 'log',
  usage: '[-f] [-n LINES] [--json]',
  summary: 'what happened on this node',
  details: 'Prints the last lines of the node\'s log. With --json: an array of entries; with -f and --json: one entry per line.',
  options: {
    follow: { type: 'boolean', short: 'f', help: 'go on printing what is added, until Ctrl-C' },
    lines: { type: 'string', short: 'n', help: `how many of the last lines (default 100, at most ${LINES_LIMIT})` },
    json: jsonOption,
  },
  wordsLimit: 0,
  async run({ options, print, socketPath }) {
    const lines = parseLines(options.lines)
    if (options.follow !== true) {
      const answer = await ask(socketPath, 'log', { lines })
      if (options.json === true) print(JSON.stringify(answer.map(parseLogLine), null, 2))
      else if (answer.length > 0) print(answer.join('\n'))
      return
    }
    await follow(socketPath, 'log', { lines, follow: true }, (added) => {
      for (const line of added) print(options.json === true ? JSON.stringify(parseLogLine(line)) : line)
    })
  },
}

function parseLines(text: string | boolean | undefined): number {
  if (text === undefined) return 100
  const lines = Number(text)
  if (typeof text === 'string' && /^\d+$/.test(text) && lines <= LINES_LIMIT) return lines
  throw new UsageError(`--lines takes a number from 0 to ${LINES_LIMIT}, not "${String(text)}"`, 'plump log --lines 100')
}

/** Takes `TIME LEVEL capability: message` (agent/log.ts) apart. */
export function parseLogLine(line: string): LogEntry {
  const match = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) (info|warn) ([\w-]+): (.*)$/.exec(line)
  const [, time, level, capability, message] = match ?? []
  if (time === undefined || capability === undefined || message === undefined) return { message: line }
  return { time, level: level === 'warn' ? 'warn' : 'info', capability, message }
}
