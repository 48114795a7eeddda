/**
 * What stands between node-dhcp 0.2.20 and the wire: which requests it may answer and how. Left alone it answers
 * requests meant for other servers, dies of a PXE client's parameter list, never lets a lease end, and gives `undefined`
 * as the address when the pool is used up.
 */

/** Message types of RFC 2132, section 9.6, that clients send. */
const DISCOVER = 1
const REQUEST = 3
const DECLINE = 4
const RELEASE = 7

const OPTION = { requestedAddress: 50, messageType: 53, server: 54, parameterList: 55 } as const

/** Options the lab's server has a value for: netmask, router, DNS, broadcast, lease time, server, T1, T2. */
const SERVED_OPTIONS = [1, 3, 6, 28, 51, 54, 58, 59]

/** An offer that is not taken up is forgotten after this. */
const OFFER_SECONDS = 60

/** The part of a parsed packet the guard looks at; node-dhcp gives and takes this shape. */
export interface DhcpRequest {
  chaddr: string
  ciaddr: string
  options: Record<number, unknown>
}

export interface GuardLease {
  address: string
  untilMs: number
}

export type Verdict = { answer: 'offer' | 'ack' | 'nak'; address: string } | { answer: 'nothing'; why: string }

/**
 * The leases of one network, by hardware address. The addresses are chosen here and handed to node-dhcp as static ones.
 */
export class DhcpGuard {
  readonly #leases = new Map<string, GuardLease>()
  readonly #server: string
  readonly #pool: readonly string[]
  readonly #leaseMs: number

  constructor(server: string, pool: readonly string[], leaseSeconds: number) {
    this.#server = server
    this.#pool = pool
    this.#leaseMs = leaseSeconds * 1000
  }

  /** Decides on one request. `nowMs` is any clock that does not jump. */
  decide(request: DhcpRequest, nowMs: number): Verdict {
    for (const [mac, lease] of this.#leases) if (lease.untilMs <= nowMs) this.#leases.delete(mac)
    switch (request.options[OPTION.messageType]) {
      case DISCOVER:
        return this.#discover(request, nowMs)
      case REQUEST:
        return this.#request(request, nowMs)
      case RELEASE:
      case DECLINE:
        this.#leases.delete(request.chaddr)
        return { answer: 'nothing', why: 'lease given back' }
      default:
        return { answer: 'nothing', why: `message type ${String(request.options[OPTION.messageType])} is not served` }
    }
  }

  #discover(request: DhcpRequest, nowMs: number): Verdict {
    const known = this.#leases.get(request.chaddr)
    const address = known?.address ?? this.#choose(request.options[OPTION.requestedAddress])
    if (address === undefined) return { answer: 'nothing', why: 'no address left' }
    this.#leases.set(request.chaddr, { address, untilMs: Math.max(known?.untilMs ?? 0, nowMs + OFFER_SECONDS * 1000) })
    return { answer: 'offer', address }
  }

  #request(request: DhcpRequest, nowMs: number): Verdict {
    const server = request.options[OPTION.server]
    if (server !== undefined && server !== this.#server) return { answer: 'nothing', why: `meant for ${JSON.stringify(server)}` }
    const wanted = request.options[OPTION.requestedAddress] ?? request.ciaddr
    const held = this.#leases.get(request.chaddr)?.address
    // A client of an earlier server of this network (the lab changes them) may keep its address when it is free.
    const address = held ?? this.#free(wanted)
    if (address === undefined || address !== wanted) return { answer: 'nak', address: '0.0.0.0' }
    this.#leases.set(request.chaddr, { address, untilMs: nowMs + this.#leaseMs })
    return { answer: 'ack', address }
  }

  #choose(wanted: unknown): string | undefined {
    return this.#free(wanted) ?? this.#pool.find((address) => this.#free(address) !== undefined)
  }

  #free(address: unknown): string | undefined {
    const taken = [...this.#leases.values()].some((lease) => lease.address === address)
    return taken ? undefined : this.#pool.find((candidate) => candidate === address)
  }
}

/** Leaves in a request's parameter list only what node-dhcp can answer: it throws on options it has no name for (60, 61, 93, 94, 97 of PXE). */
export function trimParameterList(request: DhcpRequest): void {
  const list = request.options[OPTION.parameterList]
  if (Array.isArray(list)) request.options[OPTION.parameterList] = list.filter((option) => SERVED_OPTIONS.includes(Number(option)))
}

/** All addresses from `first` to `last`, which differ in their last number only. */
export function poolAddresses(first: string, last: string): string[] {
  const prefix = first.slice(0, first.lastIndexOf('.') + 1)
  const from = Number(first.slice(prefix.length))
  const to = Number(last.slice(prefix.length))
  return Array.from({ length: to - from + 1 }, (_, index) => `${prefix}${from + index}`)
}
