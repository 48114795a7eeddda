import * as z from 'zod'
import type { Lease } from '../../schema/node-state.ts'

/** What rootfs-overlay/usr/lib/plump/udhcpc-event writes: lists hold zero or more addresses, numbers are 0 when not given. */
const leaseFileSchema = z.object({
  event: z.string(),
  ip: z.array(z.ipv4()).max(1),
  prefix: z.number().int().min(0).max(32),
  router: z.array(z.ipv4()),
  dns: z.array(z.ipv4()),
  ntp: z.array(z.ipv4()),
  serverid: z.array(z.ipv4()),
  lease: z.number().int().nonnegative(),
})

/** The lease in the file of an interface; undefined when udhcpc has none or the file does not make sense. */
export function parseLeaseFile(name: string, text: string): Lease | undefined {
  const parsed = leaseFileSchema.safeParse(parseJson(text))
  if (!parsed.success) return undefined
  const { ip: [address], prefix, router: [gateway], dns, ntp, serverid: [server], lease } = parsed.data
  if (address === undefined) return undefined
  return {
    interface: name,
    kind: 'dhcp',
    address,
    prefixLength: prefix,
    ...(gateway === undefined ? {} : { gateway }),
    dns,
    ntp,
    ...(server === undefined ? {} : { server }),
    ...(lease === 0 ? {} : { leaseSeconds: lease }),
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
