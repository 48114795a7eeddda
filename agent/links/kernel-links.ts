import { existsSync, writeFileSync } from 'node:fs'
import { readTextIfThere } from '../os/files.ts'
import { run } from '../os/run.ts'
import type { LinkPlan, MadeLink, WantedBond, WantedVlan } from './link-plan.ts'

/** Makes bonds and VLANs in the kernel: bonding by its files in sysfs (Documentation/networking/bonding.rst), VLANs by busybox. */

const BUSYBOX = '/usr/bin/busybox'
const NET = '/sys/class/net'
/** How often the bonding driver looks at the carrier of its cards: what a pulled cable costs at most. */
const CARRIER_CHECK_MS = '100'

/** Brings the kernel to the plan. What is there already stays as it is, so that this may be called at every change. */
export async function makeLinks({ bonds, vlans }: LinkPlan): Promise<void> {
  if (bonds.length > 0 && !existsSync(`${NET}/bonding_masters`)) await run(BUSYBOX, ['modprobe', 'bonding', 'max_bonds=0'])
  for (const bond of bonds) await makeBond(bond)
  if (vlans.length > 0 && !existsSync('/proc/net/vlan')) await run(BUSYBOX, ['modprobe', '8021q'])
  for (const vlan of vlans) await makeVlan(vlan)
}

/** What the kernel has of the interfaces named. */
export function readMadeLinks(names: readonly string[]): Map<string, MadeLink> {
  return new Map(names.flatMap((name): [string, MadeLink][] => {
    const mac = readTextIfThere(`${NET}/${name}/address`)?.trim()
    return mac === undefined ? [] : [[name, { mac, carrier: readTextIfThere(`${NET}/${name}/carrier`)?.trim() === '1' }]]
  }))
}

async function makeBond({ name, mode, cards }: WantedBond): Promise<void> {
  const bonding = `${NET}/${name}/bonding`
  if (!existsSync(bonding)) {
    writeFileSync(`${NET}/bonding_masters`, `+${name}\n`)
    // The mode first: some of the others depend on it.
    writeFileSync(`${bonding}/mode`, mode)
    writeFileSync(`${bonding}/miimon`, CARRIER_CHECK_MS)
    if (mode === '802.3ad') {
      writeFileSync(`${bonding}/lacp_rate`, 'fast')
      writeFileSync(`${bonding}/xmit_hash_policy`, 'layer3+4')
    }
  }
  const inIt = (readTextIfThere(`${bonding}/slaves`) ?? '').split(/\s+/)
  for (const card of cards.filter((one) => !inIt.includes(one))) {
    // The driver takes only a card that is down and has no address, and brings it up itself.
    await run(BUSYBOX, ['ip', 'link', 'set', card, 'down'])
    await run(BUSYBOX, ['ip', 'addr', 'flush', 'dev', card])
    writeFileSync(`${bonding}/slaves`, `+${card}\n`)
  }
  await bringUp(name)
}

async function makeVlan({ name, parent, id }: WantedVlan): Promise<void> {
  if (!existsSync(`${NET}/${name}`)) await run(BUSYBOX, ['vconfig', 'add', parent, String(id)])
  await bringUp(name)
}

async function bringUp(name: string): Promise<void> {
  const IFF_UP = 1
  if ((Number(readTextIfThere(`${NET}/${name}/flags`)) & IFF_UP) === 0) await run(BUSYBOX, ['ip', 'link', 'set', name, 'up'])
}
