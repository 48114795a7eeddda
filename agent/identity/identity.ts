import { writeFileSync } from 'node:fs'
import * as z from 'zod'
import { nodeIdSchema } from '../../schema/node-state.ts'
import type { AgentContext, Capability } from '../capability.ts'
import { readTextIfThere, writeAtomically } from '../os/files.ts'
import type { Identity } from '../state.ts'
import { nodeIdOf, nodeName } from './node-id.ts'

/** In /run, so that a restarted agent keeps the id and a restarted node takes a new one. */
const MEMORY = '/run/plump/identity.json'

const identitySchema = z.object({ id: nodeIdSchema, address: z.ipv4(), name: z.string() })

/**
 * Gives the node its id and host name from the first usable address; both stay for the life of the boot, also when that
 * address goes or others come. Only a clash changes them (agent/members sets state `identity`): the host name follows.
 */
export function startIdentity(context: AgentContext): Capability {
  const log = context.log.named('identity')

  const stopIdentity = context.state.watch('identity', (identity) => {
    if (!identity) return
    writeAtomically(MEMORY, `${JSON.stringify(identity)}\n`)
    applyName(identity)
    log.info(`this node is ${identity.name}, id ${identity.id}, by ${identity.address}`)
  })

  const settle = (): void => {
    const address = context.state.get('leases')[0]?.address
    if (address === undefined || context.state.get('identity')) return
    const identity = takenOver() ?? fromAddress(context.config.name, address)
    context.state.set('identity', identity)
    context.stage('address', { id: String(identity.id), addr: identity.address })
  }

  const stopLeases = context.state.watch('leases', settle)
  settle()
  return {
    stop() {
      stopLeases()
      stopIdentity()
    },
  }
}

function fromAddress(imageName: string, address: string): Identity {
  const id = nodeIdOf(address)
  return { id, address, name: nodeName(imageName, id) }
}

function takenOver(): Identity | undefined {
  const text = readTextIfThere(MEMORY)
  return text === undefined ? undefined : identitySchema.parse(JSON.parse(text))
}

function applyName({ name, address }: Identity): void {
  writeFileSync('/proc/sys/kernel/hostname', name)
  writeAtomically('/etc/hostname', `${name}\n`)
  writeAtomically('/etc/hosts', `127.0.0.1 localhost\n${address} ${name}\n`)
}
