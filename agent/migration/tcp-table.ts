/** A TCP socket, by its inode, as a job's descriptors name it. */
export interface TcpSocket {
  state: 'established' | 'listening' | 'other'
  /** Address and port of the other end, empty without one. */
  remote: string
}

const LISTEN = '0A'
const CLOSE = '07'

/** Reads /proc/net/tcp or tcp6 (proc_pid_net(5)). All states of a connection that has another end count as established: criu can take none of them. */
export function parseTcpTable(text: string): Map<string, TcpSocket> {
  return new Map(text.split('\n').slice(1).flatMap((line): [string, TcpSocket][] => {
    const [, , remote = '', state, , , , , , inode] = line.trim().split(/\s+/)
    if (state === undefined || inode === undefined || inode === '0') return []
    if (state === LISTEN) return [[inode, { state: 'listening', remote: '' }]]
    return [[inode, state === CLOSE ? { state: 'other', remote: '' } : { state: 'established', remote: formatEndpoint(remote) }]]
  }))
}

/** `0100007F:0050` is 127.0.0.1:80: words of four bytes in the order of the processor, x86's. */
function formatEndpoint(text: string): string {
  const [address = '', port = ''] = text.split(':')
  const bytes = (address.match(/.{8}/g) ?? []).flatMap((word) => [6, 4, 2, 0].map((at) => Number.parseInt(word.slice(at, at + 2), 16)))
  const isIpv4 = bytes.length === 4 || (bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255)
  const shown = isIpv4 ? bytes.slice(-4).join('.') : `[${bytes.flatMap((byte, at) => (at % 2 === 0 ? [((byte << 8) | (bytes[at + 1] ?? 0)).toString(16)] : [])).join(':')}]`
  return `${shown}:${Number.parseInt(port, 16)}`
}
