/** What a support archive is made of, and what never goes in: keys, passwords, ssh host keys, and what users and jobs have written. */

export type Piece =
  | { name: string; from: 'file'; path: string }
  | { name: string; from: 'program'; program: string; args: readonly string[] }

const BUSYBOX = '/usr/bin/busybox'
const file = (path: string, name = path.slice(1)): Piece => ({ name, from: 'file', path })
const busybox = (name: string, ...args: string[]): Piece => ({ name, from: 'program', program: BUSYBOX, args })
const node = (name: string, ...args: string[]): Piece => ({ name: `node/${name}.json`, from: 'program', program: '/usr/bin/plump', args: [...args, '--json'] })

export const PIECES: readonly Piece[] = [
  file('/var/log/plump.log', 'plump.log'),
  file('/var/log/plump.log.1', 'plump.log.1'),
  busybox('dmesg.txt', 'dmesg'),
  file('/etc/plump/node.json', 'node.json'),
  ...['cmdline', 'cpuinfo', 'meminfo', 'modules', 'interrupts', 'mounts', 'partitions', 'swaps', 'version'].map((name) => file(`/proc/${name}`)),
  ...['sys_vendor', 'product_name', 'product_version', 'board_name', 'bios_version', 'bios_date'].map((name) => file(`/sys/class/dmi/id/${name}`, `machine/${name}`)),
  ...['stages.json', 'identity.json', 'ntpd.conf', 'serf/serf.json', 'leases/typed-addresses'].map((name) => file(`/run/plump/${name}`, `run/${name}`)),
  file('/etc/resolv.conf', 'etc/resolv.conf'),
  busybox('network/addresses.txt', 'ip', 'addr'),
  busybox('network/links.txt', 'ifconfig', '-a'),
  busybox('network/routes.txt', 'ip', 'route'),
  busybox('network/neighbours.txt', 'ip', 'neigh'),
  busybox('network/sockets.txt', 'netstat', '-tuanp'),
  { name: 'network/firewall.txt', from: 'program', program: '/usr/sbin/nft', args: ['list', 'ruleset'] },
  // wg itself hides the private keys here.
  { name: 'network/mesh.txt', from: 'program', program: '/usr/bin/wg', args: ['show'] },
  busybox('processes.txt', 'ps', '-o', 'pid,ppid,vsz,rss,stat,time,args'),
  busybox('disks.txt', 'df', '-h'),
  busybox('uptime.txt', 'uptime'),
  busybox('date.txt', 'date', '-u'),
  node('status', 'status'),
  node('nodes', 'nodes'),
  node('nics', 'nics'),
  node('leases', 'leases'),
  node('net-check', 'net', 'check'),
]
