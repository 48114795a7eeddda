import { expect, test } from 'vitest'
import type { LabNode } from '../../builder/lab/lab-node.ts'
import { netCheckSchema, type NetCheck } from '../../schema/network-api.ts'
import { until } from './support/until.ts'
import { buildVariant } from './support/variant.ts'
import { withLab } from './support/with-lab.ts'

const AGREEMENT_MS = 100

test('no DHCP: addresses are typed at the screen and on the serial line; a clock that is years off follows the first member, whose name servers serve both', async () => {
  const iso = await buildVariant('no-shell', 'console:\n  shell: false\n')
  const named = await buildVariant('named', 'network:\n  dns: [192.168.77.53]\n')
  await withLab({ nodes: 1, medium: 'kernel', iso: named, dhcp: 'none' }, async (lab) => {
    const first = lab.node(1)
    await first.waitForText(/plump: waiting for a DHCP server on eth0; [^\n]*netsetup/)
    await until('the screen offers the form', 60, async () => (await screenOf(first)).includes('Tab: type an address'))
    await first.type('\t192.168.77.1\n255.255.255.0\n\n')
    await first.waitForStage('lease', { where: (line) => line.fields['addr'] === '192.168.77.1' && line.fields['server'] === 'static' })

    const late = await lab.add({ medium: 'kernel', iso, clock: '2003-03-01T12:00:00' })
    await late.waitForText(/plump: waiting for a DHCP server on eth0/)
    expect((await late.exec('date +%Y')).stdout.trim()).toBe('2003')
    await typeOnSerial(late, '\r', /Address \(/)
    await typeOnSerial(late, '192.168.77\r', /not taken: an address has four numbers/)
    await typeOnSerial(late, '192.168.77.2/24\r', /Gateway \(/)
    await typeOnSerial(late, '192.168.77.1\r', /eth0 has 192\.168\.77\.2\/24/)
    await Promise.all(lab.nodes.map((node) => node.waitForStage('joined')))
    expect((await late.exec('ip route')).stdout).toMatch(/default via 192\.168\.77\.1 dev eth0/)

    await until('the clock was set', 120, async () => (await late.exec('date +%Y')).stdout.trim() === String(new Date().getFullYear()))
    await until('the clocks agree', 120, async () => {
      const { clock } = await netCheck(late)
      return clock !== undefined && clock.source.includes('192.168.77.1') && Math.abs(clock.offsetMs) < AGREEMENT_MS
    })
    expect((await netCheck(first)).clock?.source).toBe('runs by itself')

    await until('the second has the name server of the first', 60, async () => (await late.exec('cat /etc/resolv.conf')).stdout.includes('nameserver 192.168.77.53'))

    const meshKey = async (): Promise<string> => (await late.exec('wg show plump0 public-key')).stdout
    const keyBefore = await meshKey()
    await late.exec('date -s @$(($(date +%s) - 86400))')
    await until('a clock that was set back brings a new key for the mesh', 60, async () => await meshKey() !== keyBefore)
    await until('the mesh works with it', 60, async () => (await late.exec('ping -c 1 -W 2 10.42.77.1')).exitCode === 0)
    await until('the clocks agree again', 120, async () => Math.abs((await netCheck(late)).clock?.offsetMs ?? Infinity) < AGREEMENT_MS)

    const check = await netCheck(late)
    expect(check.links).toMatchObject([{ interface: 'eth0', carrier: true, driver: 'virtio_net', mtuBytes: 1500, leases: [{ kind: 'static' }], gateway: { address: '192.168.77.1', reached: true } }])
    expect(check.links[0]?.multicastHeard).toBeGreaterThan(0)
    expect(check.members).toMatchObject([{ address: '192.168.77.1', reached: true, fullSize: true }])
    expect(check.problems).toEqual([])
    await first.cut()
    await until('the silence is told with its fix', 60, async () => (await netCheck(late)).problems.some(({ what }) => what.includes('192.168.77.1')))
  })
})

async function netCheck(node: LabNode): Promise<NetCheck> {
  return netCheckSchema.parse(JSON.parse((await node.exec('plump net check --json')).stdout))
}

async function screenOf(node: LabNode): Promise<string> {
  return (await node.exec('cat /dev/vcs1')).stdout
}

/** Types at the serial console and waits for what comes next there. */
async function typeOnSerial(node: LabNode, text: string, next: RegExp): Promise<void> {
  await node.typeSerial(text)
  await node.waitForText(next, { limitSeconds: 60 })
}
