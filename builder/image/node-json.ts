import { nodeJsonSchema } from '../../schema/node-json.ts'
import type { PlumpYaml } from '../../schema/plump-yaml.ts'

/** The text of /etc/plump/node.json: what of plump.yaml the node needs to know. */
export function nodeJson(config: PlumpYaml, version: string, imageId: string): string {
  const { name, cluster, pool, network, console, ssh } = config
  const node = nodeJsonSchema.parse({
    version,
    imageId,
    name,
    cluster: { name: cluster.name, key: cluster.key, seeds: cluster.seeds, rotationHours: cluster.rotationHours },
    network: { static: network.static, bonds: network.bonds, vlans: network.vlans, dns: network.dns, ntp: network.ntp },
    pool,
    console: { shell: console.shell },
    ssh: { authorizedKeys: ssh.authorizedKeys },
  })
  return `${JSON.stringify(node, undefined, 2)}\n`
}
