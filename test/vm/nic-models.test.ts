import { expect, test } from 'vitest'
import { withLab } from './support/with-lab.ts'

/** Every model in a machine has a wire and a DHCP server of its own network to ask, so that each must work by itself. */
const MACHINES = [
  ['virtio-net-pci', 'e1000', 'e1000e', 'rtl8139', 'vmxnet3'],
  ['ne2k_pci', 'pcnet', 'i82550', 'usb-net'],
]

for (const models of MACHINES) {
  test(`each gets a lease: ${models.join(', ')}`, async () => {
    await withLab({ nodes: 1, medium: 'kernel', nics: models.map((model, network) => `${model}@${network}`).join(',') }, async (lab) => {
      const node = lab.node(1)
      for (const network of models.keys()) {
        await node.waitForText(new RegExp(`plump: lease [^\\n]*addr=192\\.168\\.${10 + network}\\.`), { limitSeconds: 120 })
      }
      const { stdout } = await node.exec('plump nics --json')
      const reports = JSON.parse(stdout) as { driver: { state: string }; interface?: string; mac?: string }[]
      // Each by the driver made for it: one that fits worse makes up a MAC address.
      expect(reports.filter((report) => report.mac?.startsWith('52:54:00:'))).toHaveLength(models.length)
      expect(reports.filter((report) => report.driver.state === 'bound' && report.interface !== undefined)).toHaveLength(models.length)
    })
  })
}

test('a USB network card plugged in later gets a lease', async () => {
  await withLab({ nodes: 1, medium: 'kernel' }, async (lab) => {
    const node = lab.node(1)
    await node.waitForStage('ready')
    await node.plug('usb-net@1')
    await node.waitForText(/plump: lease [^\n]*addr=192\.168\.11\./, { limitSeconds: 60 })
  })
})
