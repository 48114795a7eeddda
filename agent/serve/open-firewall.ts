import type { Lan } from '../../schema/boot-server/lan.ts'
import { run } from '../os/run.ts'

/** DHCP, TFTP, and the port at which PXE firmware asks a boot server that stands beside a DHCP server (PXE 2.1). */
const UDP_PORTS = [67, 69, 4011]

/** Lets in what a boot server is asked, on its interface alone; gives what closes it again. The sets are in etc/plump/nftables.conf. */
export async function openFirewall(lan: Lan, tcpPort: number): Promise<() => Promise<void>> {
  const elements = [
    ['served_udp', UDP_PORTS.map((port) => `"${lan.interface}" . ${port}`)],
    ['served_tcp', [`"${lan.interface}" . ${tcpPort}`]],
  ] as const
  const change = async (verb: 'add' | 'delete'): Promise<void> => {
    for (const [set, members] of elements) await run('nft', [verb, 'element', 'inet', 'plump', set, `{ ${members.join(', ')} }`])
  }
  await change('add')
  return () => change('delete')
}
