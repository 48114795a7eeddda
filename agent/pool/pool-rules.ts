import type { PoolConfig, PoolOrder, PoolRole } from '../../schema/pool.ts'
import { isOpen, momentIn } from './schedule.ts'

/** A node that was used is taken for idle again only when its other programs want this share of the limit. */
const IDLE_AGAIN = 3 / 4

export interface PoolView {
  config: PoolConfig
  role: PoolRole
  /** By `plump pool`, until another word comes. */
  order: Exclude<PoolOrder, 'auto'> | undefined
  isIn: boolean
  date: Date
  /** Since the last key on any terminal of the node. */
  keyIdleMs: number
  /** CPUs that other programs than jobs use. */
  otherLoad: number
}

/** Whether the node is to be in the pool, and why. */
export function wantsToBeIn({ config, role, order, isIn, date, keyIdleMs, otherLoad }: PoolView): { isIn: boolean; why: string } {
  if (order !== undefined) return { isIn: order === 'join', why: `by plump pool ${order}` }
  if (role !== 'adaptive') return { isIn: true, why: 'by its role' }
  const { schedule, timeZone, idle } = config
  if (schedule.length > 0 && !isOpen(schedule, momentIn(timeZone, date))) return { isIn: false, why: 'its schedule says so' }
  if (keyIdleMs < idle.minutes * 60_000) return { isIn: false, why: 'somebody works at its console' }
  if (idle.minutes > 0 && otherLoad > idle.load * (isIn ? 1 : IDLE_AGAIN)) return { isIn: false, why: 'other programs use its CPUs' }
  return { isIn: true, why: schedule.length > 0 ? 'its schedule says so' : 'it is idle' }
}

/** What a node in the pool gives and takes; one that is out does neither. */
export function rightsOf(role: PoolRole): { gives: boolean; takes: boolean } {
  return { gives: role !== 'server', takes: role !== 'workstation' }
}

/** The role of the node that has these cards. */
export function roleOf({ role, roles }: PoolConfig, macs: readonly string[]): PoolRole {
  return roles.find(({ mac }) => macs.includes(mac))?.role ?? role
}
