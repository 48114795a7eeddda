import * as z from 'zod'
import { networkProblems, nodeNetworkSchema, wifiFileSchema } from './network.ts'
import { poolSchema } from './pool.ts'

/** plump.yaml, the one file a user edits. Every key has a default, so an empty file is a valid one. */

/** DOS 8.3, as the folders of kernels are named since PlumpOS. */
export const KERNEL_NAME = /^[A-Za-z0-9]{1,8}(\.[A-Za-z0-9]{1,3})?$/
const kernelName = z.string().regex(KERNEL_NAME, 'a kernel name has up to 8 letters and digits, then at most one dot and 3 more (DOS 8.3)')

const kernelWords = z.string().max(1024)

export const plumpYamlSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/, 'up to 32 lower-case letters, digits and inner hyphens').default('plump')
    .describe('name of the image; nodes are called NAME-ID'),
  base: z.strictObject({
    suite: z.enum(['trixie']).default('trixie').describe('Debian suite the packages come from'),
    mirror: z.url().optional().describe('Debian mirror; default: the one the machine\'s own apt uses'),
    securityMirror: z.url().optional().describe('mirror of the security updates; default: the one the machine\'s own apt uses, else base.mirror with -security'),
  }).prefault({}),
  kernels: z.strictObject({
    default: kernelName.default('debian').describe('the kernel the menu starts by itself'),
    arguments: kernelWords.default('').describe('added to the command line of every kernel'),
    folder: z.string().min(1).optional().describe('folder of your own kernels, relative to this file; default: kernels/ of the checkout'),
    byName: z.record(kernelName, z.strictObject({
      arguments: kernelWords.default('').describe('added to the command line of this kernel, after those of every kernel'),
    })).default({}).describe('what holds for one kernel only, by its name'),
  }).prefault({}),
  nics: z.strictObject({
    set: z.union([z.enum(['pc', 'wired', 'all']), z.array(z.string().min(1)).min(1)]).default('wired')
      .describe('network card modules: pc (what desktop and small-server boards carry), wired (all Ethernet and USB), all (Wi-Fi too, with the programs it needs), or a list of module names'),
    firmware: z.enum(['free', 'nonfree', 'all']).default('nonfree')
      .describe('firmware: free (with source), nonfree (what the drivers of the chosen cards ask for), all (every file of the firmware packages, for drivers that do not say what they ask for)'),
  }).prefault({}),
  packages: z.strictObject({
    folder: z.string().min(1).optional().describe('folder of your add-on packages and their list, relative to this file; default: packages/ of the checkout'),
    debian: z.array(z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/, 'the name of a Debian package: lower-case letters, digits and +.-')).max(500).default([])
      .describe('Debian packages of the base suite that go into the root, with all they depend on'),
  }).prefault({}),
  cluster: z.strictObject({
    name: z.string().regex(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/, 'up to 32 lower-case letters, digits and inner hyphens').default('plump')
      .describe('name of the cluster; its key is kept under this name'),
    key: z.enum(['embed', 'ask']).default('embed').describe('embed: the ISO carries the cluster key and is itself a secret; ask: the node asks for it on the console or takes it from a USB stick'),
    rotationHours: z.number().min(0.001).max(1000).default(24).describe('after ./plump key rotate: how many hours the old key is spoken while the new one spreads, and as many more it is still understood'),
    seeds: z.array(z.ipv4()).max(64).default([]).describe('addresses of members to try besides those found by multicast'),
  }).prefault({}),
  pool: poolSchema.prefault({}),
  network: nodeNetworkSchema.extend({
    wifi: wifiFileSchema.default([]).describe('Wi-Fi networks to join; needs nics.set: all. With a password in it the ISO is a secret'),
  }).superRefine((network, context) => {
    for (const { path, message } of networkProblems(network)) context.addIssue({ code: 'custom', path, message })
  }).prefault({}),
  console: z.strictObject({
    serial: z.strictObject({
      port: z.int().min(0).max(3).default(0).describe('serial port of stage lines, menu and shell'),
      speed: z.union([z.literal(9600), z.literal(19200), z.literal(38400), z.literal(57600), z.literal(115200)]).default(115200).describe('bits per second'),
    }).prefault({}),
    shell: z.boolean().default(true).describe('root shell without a password on tty3 and serial; the person at the machine owns it'),
  }).prefault({}),
  ssh: z.strictObject({
    authorizedKeys: z.array(z.string().regex(/^(ssh-|ecdsa-|sk-)\S+ [A-Za-z0-9+/=]+( .*)?$/, 'a public key as in ~/.ssh/id_ed25519.pub')).default([])
      .describe('public keys that may log in as root; ssh runs only when there is at least one'),
  }).prefault({}),
  menu: z.strictObject({
    timeoutSeconds: z.int().min(0).max(3600).default(3).describe('how long the boot menu waits; 0 boots at once'),
    title: z.string().regex(/^.*$/, 'one line').max(60).default('Plump').describe('heading of the boot menu'),
  }).prefault({}),
}).superRefine(({ nics, network }, context) => {
  if (network.wifi.length > 0 && nics.set !== 'all') context.addIssue({ code: 'custom', path: ['network', 'wifi'], message: 'Wi-Fi needs its drivers and programs: set nics.set to all' })
})

export type PlumpYaml = z.output<typeof plumpYamlSchema>
