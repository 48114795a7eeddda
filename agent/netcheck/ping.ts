import { run } from '../os/run.ts'

const BUSYBOX = '/usr/bin/busybox'
const PINGS = '2'
const LIMIT_SECONDS = '3'
/** IPv4 header without options, and that of ICMP. */
const HEADERS_BYTES = 28

export interface Reach {
  reached: boolean
  milliseconds?: number
}

/** Pings an address over one interface, with `packetBytes` long packets. They are never cut to pieces on the way (Linux sets "don't fragment"). */
export async function ping(address: string, interfaceName: string | undefined, packetBytes = 84): Promise<Reach> {
  const over = interfaceName === undefined ? [] : ['-I', interfaceName]
  try {
    return readPing(await run(BUSYBOX, ['ping', '-c', PINGS, '-w', LIMIT_SECONDS, '-s', String(packetBytes - HEADERS_BYTES), ...over, address]))
  } catch {
    return { reached: false }
  }
}

/** Reads the last line of busybox's ping: `round-trip min/avg/max = 0.456/0.512/0.568 ms`. */
export function readPing(output: string): Reach {
  const least = /min\/avg\/max = ([\d.]+)\//.exec(output)?.[1]
  if (least !== undefined) return { reached: true, milliseconds: Number(least) }
  return { reached: /[1-9]\d* packets received/.test(output) }
}
