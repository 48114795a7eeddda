import * as z from 'zod'
import { poolSchema } from './pool.ts'
import { nodeNetworkSchema } from './network.ts'

/** /etc/plump/node.json: what of plump.yaml the node needs to know. The cluster key is not in it; it lies beside it in cluster.key (mode 600). */
export const nodeJsonSchema = z.object({
  version: z.string(),
  /** Identifies the build; the initramfs finds its medium by it. */
  imageId: z.string().regex(/^[0-9a-f]{16}$/),
  name: z.string(),
  cluster: z.object({
    name: z.string(),
    key: z.enum(['embed', 'ask']),
    seeds: z.array(z.ipv4()).max(64),
    rotationHours: z.number().positive(),
  }),
  network: nodeNetworkSchema,
  pool: poolSchema.extend({ timeZone: z.string() }),
  console: z.object({ shell: z.boolean() }),
  ssh: z.object({ authorizedKeys: z.array(z.string()) }),
})
export type NodeJson = z.output<typeof nodeJsonSchema>
