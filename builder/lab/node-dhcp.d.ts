/** The parts of npm `dhcp` 0.2.20, which has no types, that the lab's server uses. */
declare module 'dhcp' {
  import type { EventEmitter } from 'node:events'

  export interface Packet {
    chaddr: string
    ciaddr: string
    options: Record<number, unknown>
  }

  export interface Server extends EventEmitter {
    listen(port?: number, host?: string, listening?: () => void): void
    /** Called for each DISCOVER and REQUEST after the event `message`. */
    handleDiscover(request: Packet): void
    handleRequest(request: Packet): void
    sendOffer(request: Packet): void
    sendAck(request: Packet): void
    sendNak(request: Packet): void
  }

  export interface ServerConfig {
    range: [string, string]
    netmask: string
    router: string[]
    dns: string[]
    broadcast: string
    server: string
    leaseTime: number
    renewalTime: number
    rebindingTime: number
    /** Addresses by hardware address as in `52-54-00-50-01-00`; read at every answer. */
    static: Record<string, string>
  }

  const dhcp: { createServer(config: ServerConfig): Server }
  export default dhcp
}
