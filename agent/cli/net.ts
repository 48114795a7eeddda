import type { CheckedLink, NetCheck } from '../../schema/network-api.ts'
import { formatNodeId, leaseOrigin } from '../api/describe.ts'
import { isSilent } from '../netcheck/problems.ts'
import { ask } from './agent-client.ts'
import { formatTable } from './table.ts'
import { UsageError } from './usage-error.ts'
import { jsonOption } from './verb.ts'
import type { Verb } from './verb.ts'

const ALONE = [
  '  No other machine was heard by multicast, and none is expected: right for the only node on a network.',
  '  When other nodes are on this switch, turn IGMP snooping off there, or name members in cluster.seeds of plump.yaml.',
]

/** Pings that nobody answers take their time. */
const CHECK_LIMIT_MS = 60_000

export const net: Verb = {
  name: 'net',
  usage: 'check [--json]',
  summary: 'explain this node\'s network: cards, addresses, gateway, members, clock',
  details: [
    'Looks at every network card (link, speed, MTU), its addresses and where they come from, tries the gateway and the members (also with',
    'packets of full size), counts the multicast heard, and says what is wrong and how to mend it.',
  ].join('\n'),
  options: { json: jsonOption },
  wordsLimit: 1,
  async run({ options, words, print, socketPath }) {
    const [word] = words
    if (word !== 'check') throw new UsageError(`plump net ${word === undefined ? 'needs a word' : `does not take "${word}"`}`, 'plump net check')
    const answer = await ask(socketPath, 'net-check', {}, CHECK_LIMIT_MS)
    print(options.json === true ? JSON.stringify(answer, null, 2) : formatNetCheck(answer))
  },
}

/** The text of `plump net check`. */
export function formatNetCheck(check: NetCheck): string {
  const members = check.members.map((member) => [
    '', formatNodeId(member.id), member.name, member.address, reach(member), member.reached ? (member.fullSize ? 'full-size packets pass' : 'FULL-SIZE PACKETS ARE LOST') : '',
  ])
  const problems = check.problems.flatMap(({ what, fix }) => [`  ${what}`, `    fix: ${fix}`])
  return [
    ...check.links.flatMap(linkLines),
    `Name servers: ${check.nameServers.join(', ') || 'none'}`,
    `Clock: ${check.clock === undefined ? 'not looked at yet' : `${check.clock.source}, ${check.clock.offsetMs} ms off`}`,
    members.length === 0 ? 'Members: none but this node' : 'Members:',
    ...(isSilent(check) && !check.othersExpected ? ALONE : []),
    ...(members.length === 0 ? [] : [formatTable(['', 'ID', 'NAME', 'ADDRESS', 'ANSWER', ''], members)]),
    ...(problems.length === 0 ? ['All is well.'] : ['Problems:', ...problems]),
  ].join('\n')
}

function linkLines(link: CheckedLink): string[] {
  const facts = [
    link.carrier ? 'carrier' : 'NO CARRIER',
    ...(link.speedMbps === undefined ? [] : [`${link.speedMbps} Mbit/s`]),
    ...(link.mtuBytes === undefined ? [] : [`MTU ${link.mtuBytes}`]),
    link.driver,
    link.mac,
    ...(link.bond === undefined ? [] : [`part of ${link.bond}`]),
  ]
  if (link.bond !== undefined) return [`${link.interface}: ${facts.join(', ')}`]
  return [
    `${link.interface}: ${facts.join(', ')}`,
    ...link.leases.map((lease) => `  ${lease.address}/${lease.prefixLength}, ${leaseOrigin(lease)}${lease.leaseSeconds === undefined ? '' : ` for ${lease.leaseSeconds} s`}`),
    ...(link.leases.length === 0 ? ['  no address'] : [`  multicast heard from others: ${link.multicastHeard} packets`]),
    ...(link.gateway === undefined ? [] : [`  gateway ${link.gateway.address}: ${reach(link.gateway)}`]),
  ]
}

function reach({ reached, milliseconds }: { reached: boolean; milliseconds?: number | undefined }): string {
  if (!reached) return 'NO ANSWER'
  return milliseconds === undefined ? 'answers' : `answers in ${milliseconds} ms`
}
