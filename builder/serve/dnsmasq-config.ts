import Handlebars from 'handlebars'
import type { Lan } from './lan.ts'

export interface DnsmasqOptions {
  tftpFolder: string
  leaseFile: string
  /** ADDRESS:PORT of the big files. */
  host: string
  /** Whether dnsmasq has to stay the user it is started by: in a user namespace there is no other. */
  sameUser: boolean
}

/** Renders templates/dnsmasq.conf.hbs: proxy DHCP, or a DHCP server where the network has none. */
export function dnsmasqConfig(template: string, lan: Lan, options: DnsmasqOptions): string {
  const { interface: name, network, netmask, pool } = lan
  return Handlebars.compile(template, { noEscape: true, strict: true })({
    interface: name, network, netmask, pool: pool === undefined ? null : { ...pool, netmask },
    tftpFolder: options.tftpFolder, leaseFile: options.leaseFile, url: `http://${options.host}`, sameUser: options.sameUser,
  })
}
