/**
 * The lab's DHCP server: npm `dhcp` in a process of its own, with {@link DhcpGuard} deciding what it may say.
 * Argument: JSON `{plan, leaseSeconds}`. Logs one line per request to stderr. Started by dhcp-wire.sh.
 */
import dhcp, { type Packet } from 'dhcp'
import * as z from 'zod'
import { DhcpGuard, poolAddresses, trimParameterList } from './dhcp-guard.ts'

const argumentSchema = z.object({
  leaseSeconds: z.number().int().positive(),
  plan: z.object({ server: z.ipv4(), netmask: z.ipv4(), first: z.ipv4(), last: z.ipv4() }),
})

const { plan, leaseSeconds } = argumentSchema.parse(JSON.parse(process.argv[2] ?? ''))
const guard = new DhcpGuard(plan.server, poolAddresses(plan.first, plan.last), leaseSeconds)
const addresses: Record<string, string> = {}
const server = dhcp.createServer({
  range: [plan.first, plan.last],
  netmask: plan.netmask,
  router: [plan.server],
  dns: [plan.server],
  // Where answers are sent to: renewing clients do not mind, and others have no address yet.
  broadcast: '255.255.255.255',
  server: plan.server,
  leaseTime: leaseSeconds,
  renewalTime: Math.floor(leaseSeconds / 2),
  rebindingTime: Math.floor((leaseSeconds * 7) / 8),
  static: addresses,
})

// node-dhcp answers whatever it gets after it has told of it; all answers are given below instead.
server.handleDiscover = () => undefined
server.handleRequest = () => undefined
server.on('error', (error: unknown) => log(`bad packet: ${String(error)}`))
server.on('message', (request: Packet) => {
  try {
    answer(request)
  } catch (error) {
    log(`${request.chaddr}: ${String(error)}`)
  }
})
server.listen()

function answer(request: Packet): void {
  trimParameterList(request)
  const verdict = guard.decide(request, performance.now())
  log(`${request.chaddr} type ${String(request.options[53])}: ${verdict.answer} ${verdict.answer === 'nothing' ? verdict.why : verdict.address}`)
  if (verdict.answer === 'nothing') return
  if (verdict.answer === 'nak') return server.sendNak(request)
  addresses[request.chaddr] = verdict.address
  if (verdict.answer === 'offer') server.sendOffer(request)
  else server.sendAck(request)
}

function log(text: string): void {
  process.stderr.write(`${new Date().toISOString()} ${text}\n`)
}
