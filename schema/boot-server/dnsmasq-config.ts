import type { Lan } from './lan.ts'

export interface DnsmasqOptions {
  tftpFolder: string
  leaseFile: string
  /** ADDRESS:PORT of the big files. */
  host: string
  /** Whether dnsmasq has to stay the user it is started by: in a user namespace there is no other. */
  sameUser: boolean
}

/** The configuration of dnsmasq (dnsmasq(8)): proxy DHCP, or a DHCP server where the network has none. */
export function dnsmasqConfig({ interface: name, network, netmask, pool }: Lan, { tftpFolder, leaseFile, host, sameUser }: DnsmasqOptions): string {
  return `# dnsmasq for machines that start over the network (${pool ? 'DHCP server' : 'proxy beside the DHCP server of this network'}). Written by plump serve.
port=0
interface=${name}
bind-interfaces
except-interface=lo
no-hosts
no-resolv
log-dhcp
log-facility=-
dhcp-leasefile=${leaseFile}
${sameUser ? 'no-daemon' : 'keep-in-foreground'}
pid-file

enable-tftp
tftp-root=${tftpFolder}

# Option 93, client architecture (RFC 4578): 0 BIOS, 7 and 9 UEFI of 64 bits by PXE, 16 the same by HTTP. iPXE names itself by option 77.
dhcp-match=set:bios,option:client-arch,0
dhcp-match=set:efi,option:client-arch,7
dhcp-match=set:efi,option:client-arch,9
dhcp-match=set:http,option:client-arch,16
dhcp-userclass=set:ipxe,iPXE

${pool ? `dhcp-authoritative
dhcp-range=${pool.first},${pool.last},${netmask},12h
# No router and no name server: there are none.
dhcp-option=option:router
dhcp-option=option:dns-server
dhcp-boot=tag:bios,tag:!ipxe,undionly.kpxe
dhcp-boot=tag:bios,tag:ipxe,boot.ipxe
dhcp-boot=tag:efi,shimx64.efi
dhcp-boot=tag:http,http://${host}/boot/netboot/shimx64.efi
dhcp-option-force=tag:http,option:vendor-class,HTTPClient
` : `dhcp-range=${network},proxy,${netmask}
pxe-prompt=Plump,0
pxe-service=tag:!ipxe,0,Plump,undionly.kpxe
pxe-service=tag:ipxe,0,Plump,boot.ipxe
pxe-service=7,Plump,shimx64.efi
pxe-service=9,Plump,shimx64.efi
`}`
}
