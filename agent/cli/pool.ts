import type { PoolOrder, PoolReport } from '../../schema/pool.ts'
import { NodeError } from '../api/node-error.ts'
import { ask } from './agent-client.ts'
import { UsageError } from './usage-error.ts'
import { jsonOption } from './verb.ts'
import type { Verb } from './verb.ts'

const ORDERS: readonly string[] = ['join', 'leave', 'auto'] satisfies PoolOrder[]
const LIMIT_SECONDS = 300
/** The agent's answer comes when its own limit has passed. */
const ANSWER_MARGIN_MS = 10_000

export const pool: Verb = {
  name: 'pool',
  usage: '[join | leave | auto] [--limit SECONDS] [--json]',
  summary: 'whether this node takes part in balancing; join or leave the pool',
  details: [
    'join    the node gives jobs and takes guests, as its role allows',
    'leave   no job leaves any more and no guest comes; guests go home first, then this node\'s own jobs come back',
    'auto    role, schedule and use of the node decide again (pool in plump.yaml)',
    'leave waits until the jobs are home, or the limit has passed; its exit code is 1 when some are not.',
  ].join('\n'),
  options: {
    'limit': { type: 'string', help: `how many seconds leave waits (default: ${LIMIT_SECONDS})` },
    'for-shutdown': { type: 'boolean', help: 'leave without bringing own jobs back, for a node that ends' },
    'json': jsonOption,
  },
  wordsLimit: 1,
  async run({ options, words: [order], print, socketPath }) {
    if (order !== undefined && !ORDERS.includes(order)) throw new UsageError(`"${order}" is none of join, leave and auto`, 'plump help pool')
    const limitSeconds = options['limit'] === undefined ? LIMIT_SECONDS : Number(options['limit'])
    if (!Number.isInteger(limitSeconds) || limitSeconds < 1 || limitSeconds > 3_600) throw new UsageError('--limit takes whole seconds up to 3600', 'plump pool leave --limit 60')
    const request = { ...(order === undefined ? {} : { order: order as PoolOrder }), limitSeconds, forShutdown: options['for-shutdown'] === true }
    const report = await ask(socketPath, 'pool', request, limitSeconds * 1_000 + ANSWER_MARGIN_MS)
    print(options['json'] === true ? JSON.stringify(report, null, 2) : describe(report))
    if (order === 'leave' && (report.state !== 'out' || report.staying.length > 0)) {
      throw new NodeError('NOT_ALL_HOME', 'some jobs are not home yet', 'see them with plump job ls; the node goes on sending guests home')
    }
  },
}

function describe({ role, state, why, gives, takes, moved, staying }: PoolReport): string {
  return [
    `${state === 'in' ? 'in the pool' : state === 'leaving' ? 'leaving the pool' : 'out of the pool'} (${why}); role ${role}: ${gives ? 'gives' : 'keeps'} its jobs, ${takes ? 'takes' : 'refuses'} guests`,
    ...(moved.length > 0 ? [`moved home: ${moved.join(' ')}`] : []),
    ...staying.map(({ job, why: reason }) => `job ${job} stays: ${reason}`),
  ].join('\n')
}
