import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fingerprintOf } from '../../agent/discovery/fingerprint.ts'
import { KnownNodes } from '../../agent/discovery/known-nodes.ts'
import { KeyRing } from '../../agent/keys/key-ring.ts'
import { readKeyText } from '../../agent/keys/key-text.ts'
import { startKeyRotation } from '../../agent/keys/rotate.ts'
import { agreed, keyringSteps, phaseAt, spokenAlone, untilNextPhaseMs, type RotationClock } from '../../agent/keys/rotation.ts'
import { gossipKeyOf } from '../../agent/members/serf-config.ts'
import { ensureKeyring, heldKeys, isOurKeyring } from '../../agent/members/serf-keyring.ts'
import { rotationAnswerSchema, type RotationCall } from '../../schema/key-api.ts'
import { scratchFolder, testAgent } from './api-helpers.ts'

const OLD = new Uint8Array(32).fill(1)
const NEW = new Uint8Array(32).fill(2)
const OTHER = new Uint8Array(32).fill(3)
const text = (key: Uint8Array): string => Buffer.from(key).toString('base64')

describe('the rules of a rotation', () => {
  test('first the old key is spoken, then the new one, then the old one is refused', () => {
    const clock = { startMs: 100, periodMs: 50 }
    expect([0, 100, 149, 150, 199, 200].map((nowMs) => phaseAt(clock, nowMs))).toEqual(['spreading', 'spreading', 'spreading', 'retiring', 'retiring', 'over'])
    expect([100, 149, 150, 200].map((nowMs) => untilNextPhaseMs(clock, nowMs))).toEqual([50, 1, 50, undefined])
    expect(phaseAt({ startMs: undefined, periodMs: 50 }, 1e9), 'a node that was alone for days has not begun').toBe('spreading')
  })

  test('members agree whoever tells whom, and in any order', () => {
    const clock = fc.record({ startMs: fc.option(fc.nat(), { nil: undefined }), periodMs: fc.integer({ min: 1 }) })
    fc.assert(fc.property(clock, clock, clock, (a: RotationClock, b: RotationClock, c: RotationClock) => {
      expect(agreed(a, b)).toEqual(agreed(b, a))
      expect(agreed(agreed(a, b), c)).toEqual(agreed(a, agreed(b, c)))
      expect(agreed(a, a)).toEqual(a)
    }))
  })

  test('a node alone speaks what it hears, the newest before the old one; with nobody to hear chance decides', () => {
    expect(spokenAlone({ newest: true, old: true }, 0.9)).toBe('newest')
    expect(spokenAlone({ newest: false, old: true }, 0)).toBe('old')
    expect([0, 0.49, 0.5, 0.99].map((random) => spokenAlone({ newest: false, old: false }, random))).toEqual(['newest', 'newest', 'old', 'old'])
  })

  test('Serf is asked until its keyring is the wanted one, never to speak a key before it is installed, never to remove the one it speaks', () => {
    const key = fc.constantFrom('new', 'old', 'other')
    fc.assert(fc.property(fc.uniqueArray(key, { minLength: 1 }), fc.constantFrom('newest' as const, 'old' as const), fc.boolean(), (start, spoken, isOver) => {
      const speaks = isOver ? 'newest' : spoken
      let held: string[] = start
      for (const { command, key: changed } of keyringSteps(held, { newest: 'new', old: 'old' }, speaks, isOver)) {
        if (command === 'install-key') held = [...held.filter((each) => each !== changed || each === held[0]), ...(held[0] === changed ? [] : [changed])]
        if (command === 'use-key') {
          expect(held).toContain(changed)
          held = [changed, ...held.filter((each) => each !== changed)]
        }
        if (command === 'remove-key') {
          expect(held[0]).not.toBe(changed)
          held = held.filter((each) => each !== changed)
        }
      }
      expect(held).toContain('new')
      expect(held[0]).toBe(speaks === 'newest' ? 'new' : 'old')
      expect(held.includes('old')).toBe(isOver ? false : start.includes('old') || speaks === 'old')
      expect(keyringSteps(held, { newest: 'new', old: 'old' }, speaks, isOver)).toEqual([])
    }))
  })
})

describe('a key ring', () => {
  function ring(keys: readonly Uint8Array[], folder = scratchFolder()): { ring: KeyRing; folder: string; at(ms: number): void; again(): KeyRing } {
    let nowMs = 0
    const paths = { keyFile: join(folder, 'cluster.key'), rotationFile: join(folder, 'rotation.json') }
    const make = (from: readonly Uint8Array[]): KeyRing => new KeyRing({ keys: from, periodMs: 100, nowMs: () => nowMs, paths })
    const again = (): KeyRing => {
      const reading = readKeyText(readFileSync(paths.keyFile, 'utf8'))
      return make(reading.ok ? reading.keys : [])
    }
    return { ring: make(keys), folder, at: (ms) => { nowMs = ms }, again }
  }

  test('goes through a rotation, tells of each change, and outlives a restart of the agent in the middle', () => {
    const { ring: keys, folder, at, again } = ring([OLD])
    let changes = 0
    keys.watch(() => { changes += 1 })
    expect(keys.fingerprints).toEqual({ newest: fingerprintOf(OLD) })
    keys.begin(NEW)
    at(1_000)
    expect([keys.spoken, keys.phase]).toEqual([OLD, 'spreading'])
    expect(keys.met({ startMs: undefined, periodMs: 100 })).toBe(true)
    expect(changes).toBe(2)
    at(1_099)
    expect(keys.spoken).toEqual(OLD)
    at(1_100)
    expect([again().spoken, again().old]).toEqual([NEW, OLD])
    expect(keys.fingerprints).toEqual({ newest: fingerprintOf(NEW), old: fingerprintOf(OLD) })
    at(1_200)
    expect(keys.fingerprints, 'the old key is refused').toEqual({ newest: fingerprintOf(NEW) })
    keys.finish()
    expect(readFileSync(join(folder, 'cluster.key'), 'utf8')).toBe(`${text(NEW)}\n`)
    expect(statSync(join(folder, 'cluster.key')).mode & 0o777).toBe(0o600)
  })

  test('a node that was just started with both keys speaks the newest and takes the old one only when told that nobody has the newest', () => {
    const { ring: keys } = ring([NEW, OLD])
    let changes = 0
    keys.watch(() => { changes += 1 })
    expect([keys.spoken, keys.takesOld]).toEqual([NEW, false])
    keys.takeOld()
    keys.takeOld()
    expect([keys.spoken, keys.takesOld, changes]).toEqual([OLD, true, 1])
    keys.speakAlone('newest')
    expect(keys.spoken).toEqual(NEW)
    keys.finish()
    expect([keys.spoken, keys.takesOld]).toEqual([NEW, false])
  })

  test('Serf gets its keys, the spoken one first; a keyring of its own is left to it, another cluster\'s is replaced with its configuration', () => {
    const { ring: keys, folder } = ring([NEW, OLD])
    const [file, config] = [join(folder, 'keyring.json'), join(folder, 'serf.json')]
    writeFileSync(config, '{}')
    writeFileSync(file, '[]')
    ensureKeyring(file, config, keys)
    expect(heldKeys(file), 'until it is known that the old key is of use').toEqual([gossipKeyOf(NEW)])
    writeFileSync(file, '[]')
    keys.takeOld()
    ensureKeyring(file, config, keys)
    expect(heldKeys(file)).toEqual([OLD, NEW].map(gossipKeyOf))
    expect(statSync(file).mode & 0o777).toBe(0o600)
    writeFileSync(file, JSON.stringify([gossipKeyOf(NEW)]))
    ensureKeyring(file, config, keys)
    expect(heldKeys(file)).toEqual([gossipKeyOf(NEW)])
    writeFileSync(config, '{}')
    writeFileSync(file, JSON.stringify([gossipKeyOf(OTHER)]))
    expect(isOurKeyring(file, keys)).toBe(false)
    ensureKeyring(file, config, keys)
    expect([heldKeys(file).length, existsSync(config)]).toEqual([2, false])
  })

  test('discovery takes both keys for ours while both are understood, and tells which was announced', () => {
    const { ring: keys } = ring([NEW, OLD])
    const known = new KnownNodes(() => keys.fingerprints)
    for (const [index, key] of [NEW, OLD, OTHER].entries()) known.hear({ addresses: [`10.0.0.${index}`], fingerprint: fingerprintOf(key), ttlSeconds: 100 }, index)
    expect(known.list(9).map(({ kind, withOldKey }) => [kind, withOldKey])).toEqual([['stranger', undefined], ['same-cluster', true], ['same-cluster', undefined]])
    keys.finish()
    expect(known.list(9).map(({ kind }) => kind)).toEqual(['stranger', 'stranger', 'same-cluster'])
  })
})

describe('what members tell each other', () => {
  function node(keys: readonly Uint8Array[]): { keys: KeyRing; told(call: Partial<RotationCall>): Promise<unknown>; type(typed: string): unknown; log(): string } {
    const { context, folder, logFile } = testAgent()
    const ring = new KeyRing({ keys, periodMs: 1_000_000, nowMs: context.nowMs, paths: { keyFile: join(folder, 'cluster.key'), rotationFile: join(folder, 'rotation.json') } })
    let answer: ((request: never, from: number, progress: (text: string) => void) => Promise<unknown>) | undefined
    const rotation = startKeyRotation(context, ring, { call: () => Promise.reject(new Error('nobody')), answer: (_channel, _schema, given) => { answer = given } })
    rotation.stop()
    return {
      keys: ring,
      told: async (call) => answer?.({ newest: text(NEW), old: text(OLD), ageMs: null, periodMs: 1_000_000, ...call } as never, 1, () => undefined),
      type: (typed) => rotation.answers['submit-key']({ request: 'submit-key', text: typed }, () => undefined, new AbortController().signal),
      log: () => readFileSync(logFile, 'utf8'),
    }
  }

  test('a node with the old key learns the new one, with the time that has passed', async () => {
    const { keys, told, log } = node([OLD])
    const answer = rotationAnswerSchema.parse(await told({ ageMs: 5_000 }))
    expect(answer).toMatchObject({ state: 'rotating', periodMs: 1_000_000 })
    expect(answer.state === 'rotating' && answer.ageMs).toBeGreaterThanOrEqual(5_000)
    expect([keys.newest, keys.old]).toEqual([NEW, OLD])
    expect(log()).not.toContain(text(NEW))
  })

  test('one that has only the new key says that it is over; another key or another rotation is refused', async () => {
    expect(await node([NEW]).told({})).toEqual({ state: 'over' })
    await expect(node([OTHER]).told({})).rejects.toMatchObject({ code: 'OTHER_KEY' })
    await expect(node([OTHER, OLD]).told({})).rejects.toMatchObject({ code: 'OTHER_ROTATION' })
  })

  test('the new and the old key typed on a running node begin the change; anything else is refused', () => {
    const { keys, type } = node([OLD])
    expect(() => type(text(OLD))).toThrow(/has its cluster key already/)
    expect(() => type(`${text(NEW)} ${text(OTHER)}`)).toThrow(/not this cluster's/)
    expect(() => type('x')).toThrow(/44 characters/)
    type(`${text(NEW)},${text(OLD)}\n`)
    expect([keys.newest, keys.old, keys.spoken]).toEqual([NEW, OLD, OLD])
    expect(() => type(`${text(NEW)} ${text(OLD)}`)).toThrow(/being changed already/)
  })
})

test('two keys as text: new and old, a comma or blanks between them; the same twice is one', () => {
  expect(readKeyText(`${text(NEW)},${text(OLD)}`)).toEqual({ ok: true, keys: [NEW, OLD] })
  expect(readKeyText(` ${text(NEW)}\r\n${text(OLD)}\n`)).toEqual({ ok: true, keys: [NEW, OLD] })
  expect(readKeyText(`${text(NEW)} ${text(NEW)}`)).toEqual({ ok: true, keys: [NEW] })
  expect(readKeyText(`${text(NEW)} ${text(OLD)} ${text(OTHER)}`)).toMatchObject({ ok: false })
})
