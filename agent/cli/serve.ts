import { jsonOption, type Verb } from './verb.ts'
import { UsageError } from './usage-error.ts'

const DEFAULT_PORT = '4680'

export const serve: Verb = {
  name: 'serve',
  usage: '[ISO|DEVICE] [--interface NIC] [--dhcp NETWORK] [--port N] [--json]',
  summary: 'let PCs of a network boot from this node, without a medium of their own, until Ctrl-C',
  details: [
    'It serves the medium that this node was started from: disc or stick must still be plugged in. A node that was started over the network, or with',
    '"copy to RAM", names another: plump serve /dev/sdb1, or an ISO file.',
    'Without --dhcp it stands beside the DHCP server of the network; with it, as in --dhcp 192.168.77.0/24, it is the DHCP server, where there is none.',
    'The firewall is opened for DHCP, TFTP and the big files on that interface, as long as it runs. It tells who boots what.',
  ].join('\n'),
  options: {
    interface: { type: 'string', help: 'the network interface to serve; needed when there are several' },
    dhcp: { type: 'string', help: 'be the DHCP server of this network; the node must have an address in its lower half' },
    port: { type: 'string', help: `TCP port of the big files (default: ${DEFAULT_PORT})` },
    json: jsonOption,
  },
  wordsLimit: 1,
  async run({ options, words, print }) {
    const port = Number(options['port'] ?? DEFAULT_PORT)
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new UsageError(`--port: "${String(options['port'])}" is no port`, 'plump serve --port 4681')
    const ended = new AbortController()
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => ended.abort())
    const tell = (text: string, event: object): void => print(options['json'] === true ? JSON.stringify({ time: new Date().toISOString(), ...event }) : `${new Date().toISOString().slice(11, 19)} ${text}`)
    // Loaded here and not above: an HTTP server is much for the other verbs to load.
    const { serveFromNode } = await import('../serve/serve.ts')
    await serveFromNode({
      source: words[0], port, signal: ended.signal,
      ...(typeof options['interface'] === 'string' ? { interface: options['interface'] } : {}),
      ...(typeof options['dhcp'] === 'string' ? { dhcp: options['dhcp'] } : {}),
      tell,
      remark: (text) => void process.stderr.write(`note: ${text}\n`),
    })
  },
}
