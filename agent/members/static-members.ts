import { staticMembersSchema, type StaticMembers } from '../../schema/admin-api.ts'
import type { Job } from '../../schema/job.ts'
import type { Lease, NodeId } from '../../schema/node-state.ts'
import { NodeError } from '../api/node-error.ts'
import { readTextIfThere, writeAtomically } from '../os/files.ts'

/** The members that a map names, kept for this boot: a restarted agent goes on with them. */
export class StaticMemberFile {
  readonly #file: string

  constructor(file: string) {
    this.#file = file
  }

  read(): StaticMembers {
    try {
      return staticMembersSchema.parse(JSON.parse(readTextIfThere(this.#file) ?? '[]'))
    } catch {
      return []
    }
  }

  write(members: StaticMembers): void {
    writeAtomically(this.#file, `${JSON.stringify(members)}\n`)
  }
}

/**
 * The id that a map gives this node. Throws NodeError: NOT_IN_MAP when none of its addresses is there, JOBS_RUN when the id would change under
 * jobs, whose names and files go by it.
 */
export function idByMap(members: StaticMembers, own: { id: NodeId; leases: readonly Lease[]; jobs: readonly Job[] }): NodeId {
  const addresses = own.leases.map((lease) => lease.address)
  const entry = members.find((member) => member.addresses.some((address) => addresses.includes(address)))
  if (!entry) {
    throw new NodeError('NOT_IN_MAP', `the map is well-formed, but none of this node's addresses (${addresses.join(', ') || 'it has none'}) is in it`, 'add a line for this node; the map is the same on all nodes')
  }
  if (entry.id !== own.id && own.jobs.some((job) => job.outcome === undefined)) {
    throw new NodeError('JOBS_RUN', `the map makes this node ${entry.id}, but jobs run that know it as ${own.id}`, 'wait for them to end, or end them: plump job ls')
  }
  return entry.id
}
