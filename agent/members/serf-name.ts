/** Name among Serf's members: the machine, by the MAC address of its first card in use, and the address it goes by at present. */
export function serfNodeName(machine: string, address: string): string {
  return `${machine}-${address}`
}

/** The machine part of a Serf name: 12 hexadecimal digits; undefined when the name is not one of ours. */
export function machineOf(serfName: string): string | undefined {
  return /^([0-9a-f]{12})-\d+\.\d+\.\d+\.\d+$/.exec(serfName)?.[1]
}
