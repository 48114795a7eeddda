import type { Mask } from '../../schema/job.ts'

const NODES_LIMIT = 4_096

/** A cluster mask as people write it (openMosix HOWTO, 8.4): `any`, `allow:ID,…` or `deny:ID,…`, ids decimal or 0x. Undefined for anything else. */
export function parseMask(text: string): Mask | undefined {
  if (text === 'any') return { rule: 'any' }
  const [rule, list, ...more] = text.split(':')
  if ((rule !== 'allow' && rule !== 'deny') || list === undefined || more.length > 0) return undefined
  const words = list.split(',').filter((word) => word !== '')
  const nodes = words.map((word) => (/^(?:\d{1,5}|0x[0-9a-f]{1,4})$/i.test(word) ? Number(word) : 0))
  return nodes.length <= NODES_LIMIT && nodes.every((id) => id > 0 && id <= 0xffff) ? { rule, nodes } : undefined
}

export function formatMask(mask: Mask): string {
  return mask.rule === 'any' ? 'any' : `${mask.rule}:${mask.nodes.join(',')}`
}
