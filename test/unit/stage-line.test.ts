import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { STAGES, formatStageLine, formatWaitingLine, parseConsoleLine } from '../../schema/stage-line.ts'
import { openStages, type StagePrinter } from '../../agent/stages.ts'
import { StateStore } from '../../agent/state.ts'

describe('a stage line', () => {
  test('reads as in the contract', () => {
    expect(formatStageLine({ stage: 'lease', seconds: 4.256, fields: { if: 'eth0', addr: '10.0.2.15', server: '10.0.2.2' } }))
      .toBe('plump: lease t=4.26 if=eth0 addr=10.0.2.15 server=10.0.2.2')
  })

  test('comes back as it went, whatever stands before it on the console', () => {
    const fields = fc.dictionary(fc.stringMatching(/^[a-zA-Z]+$/), fc.stringMatching(/^\S*$/), { noNullPrototype: true })
    fc.assert(fc.property(fc.constantFrom(...STAGES), fc.nat(99_999), fields, fc.constantFrom('', 'plump-0adc:~# ', '[    4.25] '), (stage, centiseconds, given, before) => {
      const line = formatStageLine({ stage, seconds: centiseconds / 100, fields: given })
      expect(parseConsoleLine(`${before}${line}\r`)).toEqual({ kind: 'stage', stage, seconds: centiseconds / 100, fields: given })
    }))
  })

  test('of a stage that cannot go on names the fix', () => {
    const line = { for: 'a DHCP server on eth0', fix: 'start one' }
    expect(formatWaitingLine(line)).toBe('plump: waiting for a DHCP server on eth0; start one')
    expect(parseConsoleLine(formatWaitingLine(line))).toEqual({ kind: 'waiting', ...line })
  })

  test.each(['', 'plump: nonsense t=1', 'plump: ready', 'eth0: link up'])('is not %j', (text) => {
    expect(parseConsoleLine(text)).toBeUndefined()
  })
})

describe('the consoles', () => {
  const open = (before: readonly string[] = []): { state: StateStore; lines: string[]; remembered: string[]; stage: StagePrinter } => {
    const state = new StateStore()
    const lines: string[] = []
    const remembered: string[] = []
    const stage = openStages(state, {
      print: (line) => lines.push(line),
      uptimeSeconds: () => 5,
      printedBefore: () => before,
      remember: (printed) => remembered.splice(0, remembered.length, ...printed),
    })
    return { state, lines, remembered, stage }
  }

  test('show each stage, and the state remembers the furthest', () => {
    const { state, lines, stage } = open()
    stage('ready', { addr: '10.0.0.1' })
    stage('lease', { if: 'eth1', addr: '10.0.1.1' })
    expect(lines).toEqual(['plump: ready t=5.00 addr=10.0.0.1', 'plump: lease t=5.00 if=eth1 addr=10.0.1.1'])
    expect(state.get('stage')).toBe('ready')
  })

  test('show the stages in their order when a watcher of one reaches the next at once (joined stood before ready)', () => {
    const { state, lines, stage } = open()
    state.watch('stage', (now) => {
      if (now === 'ready') stage('joined', {})
    })
    stage('ready', {})
    expect(lines).toEqual(['plump: ready t=5.00', 'plump: joined t=5.00'])
    expect(state.get('stage')).toBe('joined')
  })

  test('show of a restarted agent only that it started, and what is new', () => {
    const before = open()
    before.stage('agent', {})
    before.stage('lease', { if: 'eth0', addr: '10.0.0.1' })
    before.stage('ready', {})
    const after = open(before.remembered)
    after.stage('agent', {})
    after.stage('lease', { if: 'eth0', addr: '10.0.0.1' })
    after.stage('ready', {})
    after.stage('lease', { if: 'eth1', addr: '10.0.1.1' })
    after.stage('lease', { if: 'eth0', addr: '10.0.0.1' })
    expect(after.lines).toEqual(['plump: agent t=5.00', 'plump: lease t=5.00 if=eth1 addr=10.0.1.1', 'plump: lease t=5.00 if=eth0 addr=10.0.0.1'])
    expect(after.state.get('stage')).toBe('ready')
  })

  test('show what is waited for once, and again when it changes', () => {
    const { state, lines } = open()
    state.setWaiting('leases', { for: 'a carrier', fix: 'plug it in' })
    state.setWaiting('nics', { for: 'a card', fix: 'put one in' })
    state.setWaiting('leases', undefined)
    state.setWaiting('leases', { for: 'a server', fix: 'start one' })
    expect(lines).toEqual(['plump: waiting for a carrier; plug it in', 'plump: waiting for a card; put one in', 'plump: waiting for a server; start one'])
  })
})
