/** Who starts over the network, and how far it has come: read from dnsmasq's log and the requests for files. */

export type BootEvent = { mac?: string; address?: string } & (
  /** A machine asks how to start. */
  | { event: 'asks'; firmware: 'BIOS' | 'UEFI' | 'UEFI HTTP' | 'unknown'; mac: string }
  /** It was sent its boot loader. */
  | { event: 'loader'; file: string }
  /** It has chosen a kernel at the menu. */
  | { event: 'kernel'; kernel: string }
  /** It has everything and is on its own now. */
  | { event: 'booted'; kernel: string; bytes: number; seconds: number }
)

/** What was asked of the file server. */
export interface FileRequest {
  address: string
  path: string
  bytes: number
  /** On a clock that does not jump. */
  atMs: number
}

interface Boot {
  kernel: string
  startedMs: number
  bytes: number
  seen: Set<string>
  told: boolean
}

const ARCHITECTURES: Record<string, 'BIOS' | 'UEFI' | 'UEFI HTTP'> = { '00000': 'BIOS', '00007': 'UEFI', '00009': 'UEFI', '00016': 'UEFI HTTP' }
const LOADERS = new Set(['undionly.kpxe', 'shimx64.efi'])
/** As many machines are remembered; the oldest is forgotten first. */
const MACHINES_LIMIT = 1024

/** Turns log lines and requests into events. `neighbours` tells the MAC of an address, where it is known. */
export class BootJournal {
  readonly #tell: (event: BootEvent) => void
  readonly #neighbours: (address: string) => string | undefined
  /** All files a machine fetches besides kernel, initrd and modules. */
  readonly #carried: readonly string[]
  readonly #firmware = new Map<string, 'BIOS' | 'UEFI' | 'UEFI HTTP'>()
  readonly #asked = new Map<string, string>()
  readonly #boots = new Map<string, Boot>()

  constructor(carried: readonly string[], neighbours: (address: string) => string | undefined, tell: (event: BootEvent) => void) {
    this.#carried = carried
    this.#neighbours = neighbours
    this.#tell = tell
  }

  /** One line of dnsmasq's log. */
  logLine(line: string): void {
    const vendor = /dnsmasq-dhcp\S*: (\d+) vendor class: (?:PXE|HTTP)Client:Arch:(\d{5})/.exec(line)
    if (vendor) remember(this.#firmware, vendor[1] ?? '', ARCHITECTURES[vendor[2] ?? ''] ?? 'BIOS')
    const asks = /dnsmasq-dhcp\S*: (\d+) (?:PXE|DHCPOFFER|DHCPACK)\([^)]*\) (?:[\d.]+ )?((?:[0-9a-f]{2}:){5}[0-9a-f]{2})/.exec(line)
    if (asks) this.#asks(asks[1] ?? '', asks[2] ?? '')
    const sent = /dnsmasq-tftp\S*: sent .*\/([^/ ]+) to ([\d.]+)$/.exec(line)
    if (sent && LOADERS.has(sent[1] ?? '')) this.#tell({ event: 'loader', file: sent[1] ?? '', ...this.#who(sent[2] ?? '') })
  }

  /** A machine asks several times while it starts; it is told of once for each kind of firmware it asks with. */
  #asks(transaction: string, mac: string): void {
    const firmware = this.#firmware.get(transaction)
    if (firmware === undefined || this.#asked.get(mac) === firmware) return
    remember(this.#asked, mac, firmware)
    this.#tell({ event: 'asks', firmware, mac })
  }

  /** A file that was sent to its end. */
  fileSent({ address, path, bytes, atMs }: FileRequest): void {
    const kernel = /^kernels\/([^/]+)\/bzImage$/.exec(path)?.[1]
    if (kernel !== undefined) {
      remember(this.#boots, address, { kernel, startedMs: atMs, bytes, seen: new Set(), told: false })
      this.#tell({ event: 'kernel', kernel, ...this.#who(address) })
      return
    }
    const boot = this.#boots.get(address)
    if (!boot) return
    boot.bytes += bytes
    boot.seen.add(path)
    const wanted = [`kernels/${boot.kernel}/initrd`, `kernels/${boot.kernel}/modules.sqfs`, ...this.#carried]
    if (boot.told || !wanted.every((one) => boot.seen.has(one))) return
    boot.told = true
    const mac = this.#who(address).mac
    if (mac !== undefined) this.#asked.delete(mac)
    this.#tell({ event: 'booted', kernel: boot.kernel, bytes: boot.bytes, seconds: Math.round((atMs - boot.startedMs) / 100) / 10, ...this.#who(address) })
  }

  #who(address: string): { mac?: string; address: string } {
    const mac = this.#neighbours(address)
    return mac === undefined ? { address } : { mac, address }
  }
}

function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > MACHINES_LIMIT && oldest !== undefined) map.delete(oldest)
}

/** One line for people. */
export function describeBootEvent(event: BootEvent): string {
  const who = [event.mac, event.address].filter((word) => word !== undefined).join(' ')
  switch (event.event) {
    case 'asks': return `${who} starts over the network (${event.firmware})`
    case 'loader': return `${who} got its boot loader ${event.file}`
    case 'kernel': return `${who} starts kernel ${event.kernel}`
    case 'booted': return `${who} has all of ${event.kernel}: ${(event.bytes / 1e6).toFixed(1)} MB in ${event.seconds} s`
  }
}

/** The MAC addresses in a /proc/net/arp (proc(5)), by address. */
export function parseArp(text: string): Map<string, string> {
  return new Map([...text.matchAll(/^([\d.]+)\s+\S+\s+\S+\s+((?:[0-9a-f]{2}:){5}[0-9a-f]{2})\s/gm)].map((match) => [match[1] ?? '', match[2] ?? '']))
}
