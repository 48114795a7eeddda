import { readFileSync, statSync, utimesSync } from 'node:fs'
import { chmod, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { clusterKeyFile, dropOldKey, makeClusterKey, readClusterKey, rotateClusterKey } from '../../builder/config/cluster-key.ts'
import { checkKernels } from '../../builder/config/check-kernels.ts'
import { loadConfig } from '../../builder/config/load-config.ts'
import { editDistance, nearest } from '../../builder/config/nearest.ts'
import { PlumpError } from '../../builder/errors.ts'
import { usageError } from '../../builder/cli/program.ts'
import { PROJECT_FOLDER } from '../../builder/version.ts'
import { plumpYamlSchema } from '../../schema/plump-yaml.ts'
import { temporaryFolder } from './pipeline-helpers.ts'

const defaults = plumpYamlSchema.parse({})

/** What is said of a plump.yaml that is wrong. */
function complaint(text: string): string {
  try {
    loadConfig(text, 'plump.yaml')
  } catch (error) {
    if (error instanceof PlumpError && error.code === 'CONFIG' && error.exitCode === 2) return error.message
    throw error
  }
  return 'accepted'
}

describe('plump.yaml', () => {
  test.each(['', '# nothing\n', '{}', 'menu:\n  title: Plump\n'])('%j gives all defaults', (text) => {
    expect(loadConfig(text, 'plump.yaml')).toEqual(defaults)
  })

  test('the example in the checkout is valid and says what the defaults are', () => {
    expect(loadConfig(readFileSync(join(PROJECT_FOLDER, 'plump.yaml'), 'utf8'), 'plump.yaml')).toEqual(defaults)
  })

  test.each([
    ['name: plump\nmneu:\n  title: x\n', 'plump.yaml:2: unknown key mneu; did you mean menu?'],
    ['menu:\n  title: x\n  timeout: 3\n', 'plump.yaml:3: unknown key menu.timeout; known keys here: timeoutSeconds, title'],
    ['network:\n  static:\n  - mac: 52:54:00:12:34:56\n    address: 10.0.0.1/24\n    gatewy: 10.0.0.2\n', 'plump.yaml:5: unknown key network.static.0.gatewy; did you mean network.static.0.gateway?'],
    ['xyzzyplugh: 1\n', 'plump.yaml:1: unknown key xyzzyplugh; known keys here: name, base, kernels'],
  ])('an unknown key is an error with its line and the nearest key: %j', (text, message) => {
    expect(complaint(text)).toContain(message)
  })

  test.each([
    ['name: Plump!\n', 'plump.yaml:1: name: up to 32 lower-case letters'],
    ['menu:\n  # three\n  timeoutSeconds: -3\n', 'plump.yaml:3: menu.timeoutSeconds: '],
    ['console:\n  serial:\n    speed: 1200\n', 'plump.yaml:3: console.serial.speed: '],
    ['cluster:\n  seeds:\n  - 10.0.0.1\n  - ten\n', 'plump.yaml:4: cluster.seeds.1: '],
    ['- a list\n', 'plump.yaml:1: plump.yaml: '],
    ['name: [\n', 'plump.yaml:'],
    ['name: a\nname: b\n', 'plump.yaml:2: Map keys must be unique'],
  ])('a wrong value is an error with its line: %j', (text, message) => {
    expect(complaint(text)).toContain(message)
  })

  test('everything that is wrong is told at once', () => {
    expect(complaint('name: A\nmneu: 1\nnics:\n  set: none\n').split('\n')).toHaveLength(3)
  })

  test('a default kernel that the image lacks is an error that names those it has', () => {
    expect(() => checkKernels(defaults, ['debian'])).not.toThrow()
    expect(() => checkKernels(plumpYamlSchema.parse({ kernels: { default: 'mine' } }), ['debian', 'rt'])).toThrow(
      expect.objectContaining({ code: 'CONFIG', exitCode: 2, fix: expect.stringContaining('debian, rt') }),
    )
  })

  test.each(['*-', 'name: *nobody\n'])('an alias without its anchor is an error of the file, not of ours: %j', (text) => {
    expect(complaint(text)).toContain('plump.yaml: Unresolved alias')
  })

  test('whatever is in the file, the answer is a configuration or an error for its reader', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      expect(complaint(text)).not.toBe('')
    }))
  })
})

describe('nearest word', () => {
  test('edit distance', () => {
    expect(editDistance('kitten', 'sitting')).toBe(3)
    fc.assert(fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
      expect(editDistance(a, b)).toBe(editDistance(b, a))
      expect(editDistance(a, b) === 0).toBe(a === b)
      expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length))
    }))
  })

  test('a word is found with a slip in it, and not when it is another one', () => {
    expect(nearest('fimrware', ['set', 'firmware'])).toBe('firmware')
    expect(nearest('colour', ['set', 'firmware'])).toBeUndefined()
  })
})

describe('cluster key', () => {
  const keyFile = (): string => clusterKeyFile('attic', { XDG_CONFIG_HOME: temporaryFolder() })

  test('lies in the user\'s configuration under the name of the cluster', () => {
    expect(clusterKeyFile('attic', { XDG_CONFIG_HOME: '/c' })).toBe('/c/plump/keys/attic.key')
  })

  test('is made of 32 random bytes that only the owner can read', async () => {
    const file = keyFile()
    expect(await readClusterKey(file)).toBeUndefined()
    const key = await makeClusterKey(file)
    expect(Buffer.from(key, 'base64')).toHaveLength(32)
    expect(await readClusterKey(file)).toBe(key)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(dirname(file)).mode & 0o777).toBe(0o700)
    expect(await makeClusterKey(file)).not.toBe(key)
  })

  test('is refused when others can read it', async () => {
    const file = keyFile()
    await makeClusterKey(file)
    await chmod(file, 0o640)
    await expect(readClusterKey(file)).rejects.toMatchObject({ code: 'KEY_MODE', exitCode: 2, fix: expect.stringContaining('chmod 600') })
  })

  test.each(['', 'secret', Buffer.alloc(31).toString('base64'), `${Buffer.alloc(32).toString('base64')}x`])('is refused when it is %j', async (text) => {
    const file = keyFile()
    await makeClusterKey(file)
    await writeFile(file, `${text}\n`)
    await expect(readClusterKey(file)).rejects.toMatchObject({ code: 'KEY_CONTENT' })
  })

  test('rotating puts a new key before the old one, once; the old one is dropped when its time is over', async () => {
    const file = keyFile()
    await expect(rotateClusterKey(file)).rejects.toMatchObject({ code: 'KEY_MISSING', exitCode: 2 })
    const old = await makeClusterKey(file)
    await expect(dropOldKey(file, 48, false)).rejects.toMatchObject({ code: 'KEY_NOT_ROTATING', exitCode: 2 })
    await rotateClusterKey(file)
    const [newest, second] = (await readClusterKey(file))?.split('\n') ?? []
    expect([second, newest === old]).toEqual([old, false])
    expect(statSync(file).mode & 0o777).toBe(0o600)
    await expect(rotateClusterKey(file)).rejects.toMatchObject({ code: 'KEY_ROTATING', fix: './plump key rotate --finish' })
    await expect(dropOldKey(file, 48, false)).rejects.toMatchObject({ code: 'KEY_TOO_SOON' })
    utimesSync(file, new Date(), new Date(Date.now() - 49 * 3_600_000))
    await dropOldKey(file, 48, false)
    expect(await readClusterKey(file)).toBe(newest)
  })
})

test('wrong usage is told like any other error, with the suggestion as the fix', () => {
  expect(usageError("error: unknown command 'buidl'\n(Did you mean build?)\n")).toBe("error[USAGE]: unknown command 'buidl'\n  fix: did you mean build?\n")
  expect(usageError("error: missing required argument 'node'\n")).toBe("error[USAGE]: missing required argument 'node'\n  fix: ./plump help\n")
})
