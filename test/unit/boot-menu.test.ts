import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { grubCommand, kernelArguments, makeBootMenu, quoteForGrub, renderBootMenu } from '../../builder/image/boot-menu.ts'
import { plumpYamlSchema } from '../../schema/plump-yaml.ts'

const PROJECT = join(import.meta.dirname, '../..')
const TEMPLATE = readFileSync(join(PROJECT, 'templates/grub.cfg.hbs'), 'utf8')
const KERNELS = [{ name: 'debian', version: '6.12.117+deb13-amd64' }]
const ID = '0123456789abcdef'

function render(yaml: unknown, kernels = KERNELS): string {
  return renderBootMenu(TEMPLATE, makeBootMenu(plumpYamlSchema.parse(yaml), kernels, ID, '0.1.0'))
}

describe('the boot menu', () => {
  test('of an empty plump.yaml is as in the golden file', async () => {
    await expect(render({})).toMatchFileSnapshot('../fixtures/image/grub.cfg')
  })

  test('has an entry for each kernel, and starts the default one', () => {
    const menu = makeBootMenu(plumpYamlSchema.parse({ kernels: { default: 'mine' } }), [...KERNELS, { name: 'mine', version: '6.6.1' }], ID, '0.1.0')
    expect(menu.entries.map(({ id, kernel }) => [id, kernel])).toEqual([['debian', 'debian'], ['mine', 'mine'], ['ram', 'mine'], ['check', 'mine'], ['rescue', 'mine']])
    expect(menu.entries.map(({ hotkey }) => hotkey)).toEqual(['1', '2', 'r', 'm', 's'])
    expect(menu.default).toBe('mine')
  })

  test('numbers kernels, then goes on with letters nobody else has; whoever comes after those is there without a key', () => {
    const kernels = Array.from({ length: 40 }, (_, index) => ({ name: `k${index}`, version: '6.1' }))
    const menu = makeBootMenu(plumpYamlSchema.parse({}), kernels, ID, '0.1.0')
    const keys = menu.entries.map(({ hotkey }) => hotkey).filter((key) => key !== '')
    expect(new Set(keys).size).toBe(keys.length)
    expect(keys.slice(0, 10).join('')).toBe('123456789a')
    expect(keys).not.toContain('c')
    expect(keys).not.toContain('e')
    expect(menu.entries[39]?.title).toBe('Plump 0.1.0 (k39 6.1)')
    execFileSync('grub-script-check', { input: render({}, kernels) })
  })

  test('uses the serial port and arguments of plump.yaml', () => {
    const text = render({ console: { serial: { port: 1, speed: 9600 } }, kernels: { arguments: 'nosmt  mitigations=off' }, menu: { timeoutSeconds: 0 } })
    expect(text).toContain('serial --unit=1 --speed=9600')
    expect(text).toContain(`/bzImage quiet console=tty0 console=ttyS1,9600 plump.image=${ID} nosmt mitigations=off\n`)
    expect(text).toContain('set timeout=0')
  })

  test('is one that GRUB reads, whatever the title', () => {
    for (const title of ["Bob's Plump", '$(reboot) `x` "y"', '{}; \\']) {
      execFileSync('grub-script-check', { input: render({ menu: { title } }) })
    }
  })

  test('keeps arguments with characters that GRUB gives a meaning', () => {
    const text = render({ kernels: { arguments: 'dyndbg="file a.c +p"; reboot\nhalt $x {y}' } })
    execFileSync('grub-script-check', { input: text })
    expect(text).toContain('dyndbg=\\"file a.c +p\\"\\; reboot halt \\$x \\{y\\}\n')
  })

  test('gives each kernel arguments of its own after those of all', () => {
    const menu = makeBootMenu(plumpYamlSchema.parse({ kernels: { arguments: 'nosmt', byName: { mine: { arguments: 'isolcpus=1  quiet' } } } }), [...KERNELS, { name: 'mine', version: '6.6.1' }], ID, '0.1.0')
    expect(menu.commands.map(({ command, arguments: words }) => [command, words.split(`${ID} `)[1]])).toEqual([['debian', 'nosmt'], ['mine', 'nosmt isolcpus=1 quiet']])
  })

  test('can start each kernel by a word that GRUB takes for a command', () => {
    expect(['rt', 'linux612.rt', '612', '6a.1'].map(grubCommand)).toEqual(['rt', 'linux612_rt', 'k612', 'k6a_1'])
    execFileSync('grub-script-check', { input: render({}, ['debian', 'linux612.rt', '612', '6a.1'].map((name) => ({ name, version: '1' }))) })
  })

  test('quotes a quote', () => {
    expect(quoteForGrub("it's")).toBe("'it'\\''s'")
  })
})

test('the serial port is the last console, so that /dev/console is that one', () => {
  expect(kernelArguments(plumpYamlSchema.parse({}), 'debian', ID)).toBe(`quiet console=tty0 console=ttyS0,115200 plump.image=${ID}`)
})
