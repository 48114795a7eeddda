import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { asAnswer, askTime, serveTime } from '../../agent/clock/sntp.ts'
import { decodeAnswer, encodeAnswer, encodeQuestion, isQuestion, SNTP_PACKET_BYTES } from '../../agent/clock/sntp-packet.ts'
import { candidates, chooseSource, ntpdConfig, STRATUM, type Claim } from '../../agent/clock/time-source.ts'
import { member } from './api-helpers.ts'

const COOKIE = Buffer.from('0102030405060708', 'hex')
/** Until 2104, where the second era of NTP ends; from 1968, where what is before the first bit flip begins. */
const unixMs = fc.integer({ min: 0, max: Date.parse('2104-01-01T00:00:00Z') })

describe('packets', () => {
  test('an answer comes back as it was, to a millisecond, whatever the year', () => {
    fc.assert(fc.property(unixMs, unixMs, unixMs, fc.integer({ min: 1, max: 15 }), (referenceMs, receiveMs, transmitMs, stratum) => {
      const reply = decodeAnswer(encodeAnswer(encodeQuestion(COOKIE), { stratum, referenceMs, receiveMs, transmitMs }), COOKIE)
      expect(reply).toMatchObject({ synchronized: true, stratum })
      for (const [sent, came] of [[referenceMs, reply?.referenceMs], [receiveMs, reply?.receiveMs], [transmitMs, reply?.transmitMs]] as const) {
        expect(Math.abs((came ?? 0) - sent)).toBeLessThan(0.01)
      }
    }))
  })

  test('no bytes from outside are a surprise, and an answer to another question is none', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      decodeAnswer(bytes, COOKIE)
      if (isQuestion(bytes)) expect(encodeAnswer(bytes, { stratum: 1, referenceMs: 0, receiveMs: 0, transmitMs: 0 })).toHaveLength(SNTP_PACKET_BYTES)
    }))
    const answer = encodeAnswer(encodeQuestion(COOKIE), { stratum: 1, referenceMs: 0, receiveMs: 0, transmitMs: 0 })
    expect(decodeAnswer(answer, Buffer.from('ffffffffffffffff', 'hex'))).toBeUndefined()
    expect(isQuestion(answer)).toBe(false)
  })

  test('a question of openntpd (version 4, random bytes for its time) is answered in its version with these bytes', () => {
    const question = Buffer.alloc(SNTP_PACKET_BYTES)
    question[0] = 0x23
    question.set(COOKIE, 40)
    const answer = encodeAnswer(question, { stratum: 10, referenceMs: 0, receiveMs: 0, transmitMs: 0 })
    expect([answer[0], answer[1], answer.subarray(24, 32).toString('hex')]).toEqual([0x24, 10, COOKIE.toString('hex')])
  })

  test('offset and delay come from four times (RFC 4330, section 5)', () => {
    expect(asAnswer({ synchronized: true, stratum: 3, referenceMs: 0, receiveMs: 1_110, transmitMs: 1_120 }, 100, 150))
      .toEqual({ stratum: 3, offsetMs: 990, delayMs: 40, runningMs: 1_120 })
    expect(asAnswer({ synchronized: false, stratum: 3, referenceMs: 0, receiveMs: 1, transmitMs: 1 }, 0, 0)).toBeUndefined()
    expect(asAnswer({ synchronized: true, stratum: 0, referenceMs: 0, receiveMs: 1, transmitMs: 1 }, 0, 0)).toBeUndefined()
  })
})

test('a clock that is years away is seen as that, over a real socket', async () => {
  const wrongMs = Date.parse('2003-03-01T00:00:00Z') - Date.now()
  const socket = serveTime({ stratum: () => STRATUM.own, nowUnixMs: () => Date.now() + wrongMs, runningMs: () => 5_000 }, (error) => { throw error }, 0)
  onTestFinished(() => void socket.close())
  await new Promise((resolve) => socket.once('listening', resolve))
  const answer = await askTime('127.0.0.1', Date.now, socket.address().port)
  expect(answer?.stratum).toBe(STRATUM.own)
  expect(Math.abs((answer?.offsetMs ?? 0) - wrongMs)).toBeLessThan(1_000)
  expect(Math.abs((answer?.runningMs ?? 0) - 5_000)).toBeLessThan(10)
})

test('nobody at the port is no answer', async () => {
  expect(await askTime('127.0.0.1', Date.now, 9)).toBeUndefined()
})

describe('whose clock is followed', () => {
  const claim = (id: number, runningMs: number, stratum: number = STRATUM.own): Claim => ({ id, address: `10.0.0.${id}`, runningMs, stratum })
  const own = (id: number, runningMs: number): Claim => ({ ...claim(id, runningMs), address: undefined })

  test('a time server that answers, whatever the members say', () => {
    expect(chooseSource(['10.9.9.9'], [claim(1, 1e9)])).toEqual({ from: 'servers', servers: ['10.9.9.9'] })
  })

  test('the member that runs longest; the node itself when it is that', () => {
    expect(chooseSource([], [claim(2, 500), own(1, 100), claim(3, 400)])).toEqual({ from: 'member', id: 2, address: '10.0.0.2' })
    expect(chooseSource([], [claim(2, 50), own(1, 100)])).toEqual({ from: 'own' })
    expect(chooseSource([], [])).toEqual({ from: 'own' })
  })

  test('a member that follows a time server before one that runs longer', () => {
    expect(chooseSource([], [claim(2, 500), claim(3, 10, STRATUM.server), own(1, 900)])).toEqual({ from: 'member', id: 3, address: '10.0.0.3' })
  })

  test('never a member that follows another', () => {
    expect(chooseSource([], [claim(2, 500, STRATUM.member), own(1, 100)])).toEqual({ from: 'own' })
  })

  test('all nodes of a cluster choose the same, and the one chosen follows nobody', () => {
    const ages = fc.uniqueArray(fc.integer({ min: 0, max: 1e9 }), { minLength: 1, maxLength: 20 })
    fc.assert(fc.property(ages, (running) => {
      const views = running.map((_, self) => {
        const members = running.map((__, index) => ({ ...member(0), id: index + 1, addresses: [`10.0.0.${index + 1}`], self: index === self }))
        const claims = candidates(members).map((candidate): Claim => ({ ...candidate, stratum: STRATUM.own, runningMs: running[candidate.id - 1] ?? 0 }))
        const chosen = chooseSource([], claims)
        return chosen.from === 'member' ? chosen.id : self + 1
      })
      expect(new Set(views).size).toBe(1)
      expect(views[0]).toBeLessThanOrEqual(8)
    }))
  })

  test('only live members are asked, at most eight, the lowest ids first', () => {
    const all = Array.from({ length: 12 }, (_, index) => ({ ...member(1), id: 100 - index, state: index === 11 ? 'failed' as const : 'alive' as const }))
    expect(candidates(all).map(({ id }) => id)).toEqual([90, 91, 92, 93, 94, 95, 96, 97])
  })

  test('openntpd is told the servers, and is not run by whom others follow', () => {
    expect(ntpdConfig({ from: 'servers', servers: ['10.0.0.1', 'ntp.example'] })).toBe('server 10.0.0.1\nserver ntp.example\n')
    expect(ntpdConfig({ from: 'member', id: 1, address: '10.0.0.1' })).toBe('server 10.0.0.1\n')
    expect(ntpdConfig({ from: 'own' })).toBeUndefined()
  })
})
