import type { WatchEvent } from '../../schema/watch.ts'
import { formatNodeId } from '../api/describe.ts'
import { follow } from './agent-client.ts'
import { jsonOption } from './verb.ts'
import type { Verb } from './verb.ts'

export const watch: Verb = {
  name: 'watch',
  usage: '[--here] [--json]',
  summary: 'what happens in the cluster, as it happens: members, moves, refusals',
  details: [
    'Prints a line for each event until Ctrl-C: members that come, fail or leave, jobs that move and how long they stood still, moves that were refused or failed, and',
    'nodes that join or leave the pool. With --json, each line is a JSON object. --here leaves out what other nodes tell.',
  ].join('\n'),
  options: { here: { type: 'boolean', help: 'only what happens on this node' }, json: jsonOption },
  wordsLimit: 0,
  run({ options, print, socketPath }) {
    return follow(socketPath, 'watch', { all: options['here'] !== true }, (event) => print(options['json'] === true ? JSON.stringify(event) : `${event.time} ${describeEvent(event)}`))
  },
}

/** One line, without its time. */
export function describeEvent(event: WatchEvent): string {
  switch (event.event) {
    case 'member': return `member ${formatNodeId(event.node)} (${event.name}) is ${event.state}`
    case 'move': return `move ${event.job} ${formatNodeId(event.from)} -> ${formatNodeId(event.to)}, froze ${event.freezeMs} ms`
    case 'start': return `start ${formatNodeId(event.from)} -> ${formatNodeId(event.to)}`
    case 'refusal': return `refusal ${event.job} ${formatNodeId(event.from)} -> ${formatNodeId(event.to)}: ${event.why}`
    case 'failure': return `failure ${event.job} ${formatNodeId(event.from)} -> ${formatNodeId(event.to)}: ${event.why}`
    case 'pool': return `pool ${formatNodeId(event.node)} is ${event.state}: ${event.why}`
  }
}
