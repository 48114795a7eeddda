import * as z from 'zod'

const macAddress = z.string().regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i, 'a MAC address looks like 52:54:00:12:34:56')
  .transform((mac) => mac.toLowerCase())
const ipv4Cidr = z.string().refine((text) => z.cidrv4().safeParse(text).success, 'an address with its prefix looks like 192.168.1.20/24')

/** A fixed address of plump.yaml's network.static. It has a file of its own because node.json carries it, and the node should not load all of plump.yaml's schema. */
export const staticAddressSchema = z.strictObject({
  mac: macAddress.describe('the network card, by its MAC address'),
  address: ipv4Cidr.describe('address with prefix length'),
  gateway: z.ipv4().optional().describe('default gateway'),
  dns: z.array(z.ipv4()).default([]).describe('name servers'),
})
export type StaticAddress = z.output<typeof staticAddressSchema>
