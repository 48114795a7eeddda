import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { startConsole, takeKey } from '../../agent/console/console.ts'
import { MASKED_LINE_LIMIT_CHARS, typeInto } from '../../agent/console/masked-line.ts'
import { renderStatusScreen } from '../../agent/console/status-screen.ts'
import type { ScreenState } from '../../agent/console/status-screen.ts'
import { frame } from '../../agent/console/terminal.ts'
import type { NicReport, NodeStatus } from '../../schema/node-state.ts'
import { dhcpLease, goodNic, member, testAgent, until } from './api-helpers.ts'

const AGENT = join(import.meta.dirname, '../../agent')
const size = { columns: 80, rows: 25 }

const joined: NodeStatus = {
  version: '0.1.0', name: 'plump-0adc', cluster: 'plump', stage: 'joined', id: 0x0adc, address: '192.168.10.220', leases: [dhcpLease], members: 5,
  load: 0.124, memoryTotalKiB: 498_688, memoryUsedKiB: 85_000, uptimeSeconds: 93_784, waiting: [],
}
const linkLocal = { ...dhcpLease, interface: 'eth1', kind: 'link-local' as const, address: '169.254.7.9', prefixLength: 16, server: undefined }
const problemNics: NicReport[] = [
  { busId: 'pci:0000:00:04.0', vendorDevice: '10ec:8168', driver: { state: 'firmware-missing', file: 'rtl_nic/rtl8168h-2.fw' }, carrier: false },
  { busId: 'usb:1-1', vendorDevice: '0bda:8153', driver: { state: 'no-module' }, carrier: false },
  { ...goodNic, interface: 'eth2', carrier: false },
]
const keyWait = { for: 'the cluster key', fix: 'type it here (plump key enter), or plug in a USB stick with the key in a file plump.key, or start with plump.key=KEY on the kernel command line' }

const fiveMembers = [member(0), member(1), member(2), member(3), member(4)]
const screens: Record<string, ScreenState> = {
  joined: { status: joined, members: fiveMembers, nics: [goodNic], keyForm: undefined, addressPanel: undefined, offersAddress: false, shell: true },
  'no-address': {
    status: { ...joined, name: 'plump', stage: 'nics', id: undefined, address: undefined, leases: [], members: 0, uptimeSeconds: 12, waiting: [{ for: 'a network cable', fix: 'plug in a cable, or see plump nics' }] },
    members: [], nics: problemNics, keyForm: undefined, addressPanel: undefined, offersAddress: false, shell: false,
  },
  'key-form': {
    status: { ...joined, stage: 'address', members: 1, waiting: [keyWait] },
    members: [member(0)], nics: [goodNic], addressPanel: undefined, offersAddress: false, shell: true,
    keyForm: { line: { text: 'c2VjcmV0' }, refusal: 'a cluster key has 44 characters and an = as the last one; this has 6 and stands for 4 bytes instead of 32' },
  },
  'no-server': {
    status: { ...joined, name: 'plump', stage: 'ready', leases: [{ ...linkLocal, interface: 'eth0' }], members: 1, uptimeSeconds: 40 },
    members: [member(0)], nics: [goodNic], keyForm: undefined, addressPanel: undefined, offersAddress: true, shell: true,
  },
  'address-form': {
    status: { ...joined, name: 'plump', stage: 'nics', id: undefined, address: undefined, leases: [], members: 0, uptimeSeconds: 40, waiting: [{ for: 'a DHCP server on eth0', fix: 'start one on this network, or type an address: netsetup (Tab on the screen); without one a link-local address follows' }] },
    members: [], nics: [goodNic], keyForm: undefined, offersAddress: true, shell: true,
    addressPanel: { typed: { address: '192.168.1.20', mask: '255.255', gateway: '' }, at: 1, refusal: 'a mask looks like 255.255.255.0, or is a number from 8 to 31' },
  },
  failure: {
    status: { ...joined, name: 'plump', stage: 'nics', id: undefined, address: undefined, leases: [], members: 0, uptimeSeconds: 40, waiting: [keyWait, { for: 'firmware rtl_nic/rtl8168h-2.fw of pci:0000:00:04.0 10ec:8168', fix: 'build the image with nics.firmware: nonfree, or use another card', fatal: true }] },
    members: [], nics: problemNics.slice(0, 2), keyForm: undefined, addressPanel: undefined, offersAddress: false, shell: true,
  },
  crowded: {
    status: { ...joined, leases: [dhcpLease, linkLocal, ...Array.from({ length: 6 }, (_, index) => ({ ...dhcpLease, interface: `eth${index + 3}`, address: `10.0.${index}.5` }))], waiting: [keyWait, { for: 'DHCP', fix: 'start a DHCP server' }] },
    members: [...fiveMembers.slice(0, 3), member(3, 'failed'), member(4, 'left'), ...Array.from({ length: 40 }, (_, index) => ({ ...member(1), id: index + 1, name: `plump-${index}` }))],
    nics: [...problemNics, ...problemNics], keyForm: undefined, addressPanel: undefined, offersAddress: false, shell: true,
  },
}

test.each(Object.keys(screens))('status screen: %s', async (name) => {
  const state = screens[name]
  const lines = state === undefined ? [] : renderStatusScreen(state, size)
  await expect(`${lines.map(({ text }) => text).join('\n')}\n`).toMatchFileSnapshot(`../fixtures/console/${name}.txt`)
  expect(lines).toHaveLength(size.rows)
  expect(Math.max(...lines.map(({ text }) => text.length))).toBeLessThan(size.columns)
})

test('the screen fits every terminal, and nothing in a name steers it', () => {
  const name = fc.string({ unit: 'binary', maxLength: 60 })
  fc.assert(fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 70 }), name, fc.constantFrom(...Object.values(screens)), (columns, rows, text, state) => {
    const hostile = { ...state, status: { ...state.status, name: text, cluster: text }, members: state.members.map((one) => ({ ...one, name: text })) }
    const lines = renderStatusScreen(hostile, { columns, rows })
    expect(lines.length).toBe(rows)
    for (const line of lines) {
      expect(line.text.length).toBeLessThan(columns)
      expect(line.text).toMatch(/^[ -~]*$/)
    }
  }))
})

test('what does not fit is counted with the verb that lists it', () => {
  const text = frame(renderStatusScreen(screens['crowded'] as ScreenState, size))
  expect(text).toMatch(/and \d+ more: plump nodes/)
  expect(text).toMatch(/and \d+ more: plump leases/)
  expect(text).toContain('Members: 43 alive, 1 failed')
})

test('a frame wipes what was there before and does not scroll', () => {
  expect(frame([{ text: 'a', tone: 'problem' }, { text: '', tone: 'plain' }])).toBe('\x1b[H\x1b[33ma\x1b[0m\x1b[K\r\n\x1b[0m\x1b[K\x1b[J')
})

test('typing unseen: Backspace, Ctrl-U, arrow keys, Enter, Ctrl-C', () => {
  expect(typeInto({ text: 'ab' }, 'c\x7f\x7fd')).toEqual({ state: 'typing', line: { text: 'ad' } })
  expect(typeInto({ text: 'ab' }, '\x15x\x1b[A\x1b[15~\x1bOPy\t')).toEqual({ state: 'typing', line: { text: 'xy' } })
  expect(typeInto({ text: 'ab' }, 'c\rd')).toEqual({ state: 'entered', text: 'abc' })
  expect(typeInto({ text: 'ab' }, '\x03')).toEqual({ state: 'given-up' })
  expect(typeInto({ text: '' }, 'x'.repeat(1_000))).toEqual({ state: 'typing', line: { text: 'x'.repeat(MASKED_LINE_LIMIT_CHARS) } })
})

test('the key form hands a whole line on and says why a key was refused', () => {
  const tried: string[] = []
  const submit = (text: string) => {
    tried.push(text)
    return text === 'right' ? { accepted: true as const } : { accepted: false as const, why: 'too short' }
  }
  const empty = { line: { text: '' }, refusal: undefined }
  expect(takeKey(empty, 'wro', submit)).toEqual({ line: { text: 'wro' }, refusal: undefined })
  const refused = takeKey({ line: { text: 'wro' }, refusal: undefined }, 'ng\r', submit)
  expect(refused).toEqual({ line: { text: '' }, refusal: 'too short' })
  expect(takeKey(refused, '\r', submit)).toEqual(empty)
  expect(takeKey({ ...refused, line: { text: ' right' } }, '\r', submit)).toEqual(empty)
  expect(tried).toEqual(['wrong', 'right'])
})

test('the screen follows the state on its device, at most twice a second', async () => {
  const { context, folder } = testAgent()
  const terminal = join(folder, 'tty1')
  writeFileSync(terminal, '')
  const screen = startConsole(context, { terminal })
  onTestFinished(() => screen.stop())
  expect(readFileSync(terminal, 'latin1')).toContain('Stage: root')
  const startMs = performance.now()
  for (const stage of ['agent', 'nics', 'lease'] as const) context.state.set('stage', stage)
  await until(() => readFileSync(terminal, 'latin1').includes('Stage: lease'))
  expect(performance.now() - startMs).toBeGreaterThan(400)
  expect(readFileSync(terminal, 'latin1')).not.toContain('Stage: nics')
})

test('without a tty1 the agent goes on', () => {
  const { context, folder, logFile } = testAgent()
  startConsole(context, { terminal: join(folder, 'none') }).stop()
  expect(readFileSync(logFile, 'utf8')).toContain('no status screen')
})

test('the key can be typed on the terminal: nothing of it is echoed, a wrong one is asked for again', async () => {
  const { folder } = testAgent()
  const program = join(folder, 'console.ts')
  writeFileSync(program, `
    import { startConsole } from '${AGENT}/console/console.ts'
    import { openLog } from '${AGENT}/log.ts'
    import { StateStore } from '${AGENT}/state.ts'
    const state = new StateStore()
    state.setWaiting('cluster-key', { for: 'the cluster key', fix: 'type it' })
    const config = { version: '1', name: 'plump', cluster: { name: 'plump' }, console: { shell: true } }
    const context = { config, state, log: openLog('test', '/dev/null'), stage() {}, nowMs: () => performance.now() }
    const screen = startConsole(context as never, { terminal: process.argv[2] ?? '', submitKey: (text) => {
      if (text !== 'right') return { accepted: false, why: 'too short' }
      state.setWaiting('cluster-key', undefined)
      screen.stop()
      console.log('TAKEN')
      return { accepted: true }
    } })
  `)
  // script(1) makes a terminal; its name is what tty1 is on a node.
  const child = spawn('script', ['-qec', `"${process.execPath}" "${program}" "$(tty)"`, '/dev/null'])
  onTestFinished(() => void child.kill('SIGKILL'))
  let text = ''
  child.stdout.on('data', (piece: Buffer) => { text += piece.toString() })
  await until(() => text.includes('Key: _'))
  child.stdin.write('wrong')
  await until(() => text.includes('Key: *****_'))
  child.stdin.write('\r')
  await until(() => text.includes('Not taken: too short'))
  child.stdin.write('right\r')
  await until(() => text.includes('TAKEN'))
  expect(text).not.toMatch(/wrong|right/)
})
