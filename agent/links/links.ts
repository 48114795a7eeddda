import type { AgentContext, Capability } from '../capability.ts'
import { readTextIfThere } from '../os/files.ts'
import { makeLinks, readMadeLinks } from './kernel-links.ts'
import { addressableLinks, planLinks } from './link-plan.ts'

/** The carrier of a bond or VLAN follows that of its cards a moment later, without a change of theirs to tell of it. */
const LOOK_EVERY_MS = 500

/**
 * Makes the bonds and VLANs of `network.bonds` and `network.vlans` as their cards appear, and keeps state `links`: everything that is to
 * have addresses. Without bonds and VLANs these are the cards, with no delay and nothing to look at.
 */
export function startLinks(context: AgentContext): Capability {
  const { state, config: { network } } = context
  const log = context.log.named('links')
  const isPlain = network.bonds.length === 0 && network.vlans.length === 0
  let making = Promise.resolve()
  let told = ''

  const publish = (): void => {
    const nics = state.get('nics')
    const { bonds, vlans } = planLinks(network, nics)
    const made = readMadeLinks([...bonds, ...vlans].map(({ name }) => name))
    state.set('links', addressableLinks(network, nics, made))
    const active = bonds.map(({ name }) => `${name}: ${activeCard(name)}`).join(', ')
    if (active !== told) log.info(`in use: ${active}`)
    told = active
  }
  const follow = (): void => {
    if (isPlain) return publish()
    // One at a time: two that make the same bond would disturb each other.
    making = making.then(() => makeLinks(planLinks(network, state.get('nics'))))
      .then(() => state.setWaiting('links', undefined), (error: unknown) => {
        log.warn(String(error))
        state.setWaiting('links', { for: 'a bond or VLAN that the kernel does not make', fix: 'plump log says why; a kernel of your own needs bonding and 8021q' })
      })
      .then(publish)
  }

  const unwatch = state.watch('nics', follow)
  const looking = isPlain ? undefined : setInterval(publish, LOOK_EVERY_MS)
  follow()
  return {
    stop() {
      unwatch()
      clearInterval(looking)
    },
  }
}

/** The card that an active-backup bond uses now; in 802.3ad all that are in the aggregate. */
function activeCard(bond: string): string {
  const active = readTextIfThere(`/sys/class/net/${bond}/bonding/active_slave`)?.trim()
  return active || readTextIfThere(`/sys/class/net/${bond}/bonding/slaves`)?.trim() || 'no card'
}
