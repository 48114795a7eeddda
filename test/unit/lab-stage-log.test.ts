import { expect, test } from 'vitest'
import { formatRows, type NodeRow } from '../../builder/lab/overview.ts'
import { bootLines, bootStages, logTail, stripVTControls, summarise } from '../../builder/lab/stage-log.ts'

const BOOT = [
  '\u001b[2J\u001b[01;01HSeaBIOS (version 1.16.2)', '\u001b[0;30;47mGNU GRUB  version 2.12', '[    0.000000] Linux version 6.12',
  'plump: initramfs t=2.50', 'plump: root t=3.80', 'plump: agent t=5.00 version=0.1.0', 'plump: waiting for an address; plug in a cable',
  'plump: nics t=5.20 found=2', 'plump: lease t=6.00 if=eth0 addr=192.168.10.100 server=192.168.10.1',
  'plump: lease t=6.10 if=eth1 addr=192.168.11.100 server=192.168.11.1',
  'plump: address t=6.20 addr=192.168.10.100 id=2660', 'plump: ready t=7.00 id=2660', 'plump: joined t=9.00 members=2', '',
].join('\r\n')

test('stages come in order, escape sequences and carriage returns notwithstanding', () => {
  expect(bootStages(BOOT).map((line) => line.stage)).toEqual(['initramfs', 'root', 'agent', 'nics', 'lease', 'lease', 'address', 'ready', 'joined'])
  expect(summarise(BOOT)).toEqual({ stage: 'joined', address: '192.168.10.100', id: '2660', members: '2' })
})

test('only the last boot counts', () => {
  expect(bootStages(`${BOOT}plump: initramfs t=2.60\n`).map((line) => line.stage)).toEqual(['initramfs'])
  expect(summarise(`${BOOT}plump: initramfs t=2.60\n`)).toEqual({ stage: 'initramfs', address: undefined, id: undefined, members: undefined })
})

test('a line that is still being written does not count', () => {
  expect(bootStages('plump: initramfs t=2.50\nplump: lease t=6.00 if=eth0 addr=192.168.1')).toHaveLength(1)
})

test('a node that joins more often tells its newest number of members', () => {
  expect(summarise(`${BOOT}plump: joined t=12.00 members=3\n`).members).toBe('3')
})

test('what a node waits for is among its lines', () => {
  expect(bootLines(BOOT)).toContainEqual({ kind: 'waiting', for: 'an address', fix: 'plug in a cable' })
})

test('the tail for an error message has our last lines and the last of any kind', () => {
  const tail = logTail(`${BOOT}[   10.000000] Kernel panic - not syncing\r\n`)
  expect(tail).toContain('    plump: ready t=7.00 id=2660')
  expect(tail.split('\n').at(-1)).toBe('    [   10.000000] Kernel panic - not syncing')
  expect(logTail('')).toBe('')
})

test('terminal sequences are removed', () => {
  expect(stripVTControls('\u001b[01;31mred\u001b[0m \u001b[?25hcursor\r\n')).toBe('red cursor\n')
})

test('lab ls lines up its columns', () => {
  const row: NodeRow = {
    node: 1, state: 'running', stage: 'joined', id: '2660', address: '192.168.10.100', members: '2',
    nics: [
      { model: 'e1000', mac: '52:54:00:50:01:00', network: 0, wired: true, carrier: true },
      { model: 'usb-net', mac: '52:54:00:50:01:01', network: null, wired: false, carrier: false },
    ],
  }
  const off: NodeRow = { node: 2, state: 'off', stage: undefined, id: undefined, address: undefined, members: undefined, nics: [] }
  expect(formatRows([row, off])).toBe([
    'NODE  STATE    STAGE   ID    ADDRESS         MEMBERS  NICS',
    '1     running  joined  2660  192.168.10.100  2        e1000 52:54:00:50:01:00, usb-net 52:54:00:50:01:01 unplugged',
    '2     off      -       -     -               -        ',
  ].map((line) => line.trimEnd()).join('\n'))
})
