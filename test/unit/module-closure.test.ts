import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { moduleClosure } from '../../builder/kernel/module-closure.ts'
import { moduleNameOf, parseBuiltin, parseModinfo, type KernelModules, type ModuleInfo } from '../../builder/kernel/module-info.ts'
import { checkAgainstDepmod, formatModulesDep, sortModulesAlias } from '../../builder/kernel/modules-dep.ts'

const FIXTURES = join(import.meta.dirname, '../fixtures/kernel')
const BUILTIN_MODINFO = ['8250.alias=acpi*:PNP0501:*', 'aes_generic.alias=crypto-aes', 'edd.firmware=edd/table.bin', ''].join('\0')

const kernel: KernelModules = {
  modules: parseModinfo(readFileSync(join(FIXTURES, 'modinfo.txt'), 'utf8'), '/tree'),
  builtin: parseBuiltin(readFileSync(join(FIXTURES, 'modules.builtin'), 'utf8'), BUILTIN_MODINFO),
}

function names(wanted: string[], from: KernelModules = kernel): string[] {
  return moduleClosure(wanted, from).modules.map(({ name }) => name)
}

function module(name: string, fields: Partial<ModuleInfo> = {}): ModuleInfo {
  return { name, path: `kernel/${name}.ko.xz`, depends: [], softdepPre: [], softdepPost: [], weakdep: [], firmware: [], aliases: [], signed: true, ...fields }
}

describe('what modinfo prints', () => {
  test('gives one record a module, and no device aliases', () => {
    const r8169 = kernel.modules.find(({ name }) => name === 'r8169')
    expect(r8169).toEqual({
      name: 'r8169', path: 'kernel/drivers/net/ethernet/realtek/r8169.ko.xz', depends: ['libphy', 'mdio_devres'], softdepPre: ['realtek'],
      softdepPost: [], weakdep: ['r8169-extra'], firmware: ['rtl_nic/rtl8125a-3.fw', 'rtl_nic/rtl8168d-1.fw'], aliases: [], signed: false,
    })
  })

  test('tells modules that are signed', () => {
    expect(kernel.modules.filter(({ signed }) => signed).map(({ name }) => name)).toEqual(['nf_tables'])
  })

  test('drops softdep words before pre: and post:, as libkmod does', () => {
    expect(kernel.modules.find(({ name }) => name === 'cifs')).toMatchObject({ softdepPre: [], softdepPost: ['nls_utf8', 'no-such-module'] })
  })

  test('gives what is built in, with its aliases and firmware', () => {
    expect(kernel.builtin).toEqual({ names: ['mii_core', '8250'], aliases: ['acpi*:PNP0501:*', 'crypto-aes'], firmware: ['edd/table.bin'] })
  })

  test.each([['kernel/drivers/net/ppp/bsd-comp.ko.xz', 'bsd_comp'], ['kernel/a/b.ko', 'b'], ['x.ko.zst', 'x']])('%s is module %s', (path, name) => {
    expect(moduleNameOf(path)).toBe(name)
  })
})

describe('the closure', () => {
  test('follows dependencies, softdeps by name and weakdeps, and skips what is built in', () => {
    expect(names(['r8169'])).toEqual(['libphy', 'mdio_devres', 'r8169', 'r8169_extra', 'realtek'])
  })

  test('takes every provider of a softdep that is an alias', () => {
    expect(names(['nf_tables'])).toEqual(['crc32c_generic', 'crc32c_intel', 'libcrc32c', 'nf_tables', 'nfnetlink'])
  })

  test('takes - and _ for the same', () => {
    expect(names(['crc32c_intel', 'r8169-extra'])).toEqual(['crc32c_intel', 'r8169_extra'])
  })

  test('takes aliases for names, and lists what the kernel does not have', () => {
    const closure = moduleClosure(['crypto-crc32c-generic', 'crypto-aes', '8250', 'none-such'], kernel)
    expect(closure.modules.map(({ name }) => name)).toEqual(['crc32c_generic'])
    expect(closure.unknown).toEqual(['none-such'])
  })

  test('leaves out a softdep nobody provides', () => {
    expect(names(['cifs'])).toEqual(['cifs', 'nls_utf8'])
  })

  test('fails for a missing dependency, naming both', () => {
    const broken = { ...kernel, modules: kernel.modules.filter(({ name }) => name !== 'libphy') }
    expect(() => names(['mdio_devres'], broken)).toThrow(/mdio_devres needs libphy/)
  })
})

describe('the loading order', () => {
  test('has softdeps before the module, and of several providers the generic one (nf_tables failed with "unknown symbol" without it)', () => {
    expect(moduleClosure(['nf_tables'], kernel).loadBefore.get('nf_tables')).toEqual(['nfnetlink', 'crc32c_generic', 'libcrc32c'])
  })

  test('drops the softdep that closes a circle', () => {
    const circle = { builtin: { names: [], aliases: [], firmware: [] }, modules: [module('a', { softdepPre: ['b'] }), module('b', { softdepPre: ['a'] })] }
    const { loadBefore } = moduleClosure(['a'], circle)
    expect(loadBefore).toEqual(new Map([['a', ['b']], ['b', []]]))
  })

  test('loads every dependency of any tree before its user, once', () => {
    const tree = fc.integer({ min: 1, max: 30 }).chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) =>
      fc.record({ depends: indexes(index), softdepPre: indexes(count) }).map(({ depends, softdepPre }) => module(`m${index}`, { depends, softdepPre })))))
    fc.assert(fc.property(tree, (modules) => {
      const { loadBefore } = moduleClosure(modules.map(({ name }) => name), { modules, builtin: { names: [], aliases: [], firmware: [] } })
      for (const { name, depends } of modules) {
        const before = loadBefore.get(name) ?? []
        expect(new Set(before).size).toBe(before.length)
        expect(before).toEqual(expect.arrayContaining(depends))
        for (const [position, dependency] of before.entries()) {
          const needs = modules.find((other) => other.name === dependency)?.depends ?? []
          expect(before.slice(0, position)).toEqual(expect.arrayContaining(needs))
        }
      }
    }))
  })
})

function indexes(below: number): fc.Arbitrary<string[]> {
  return below === 0 ? fc.constant([]) : fc.uniqueArray(fc.integer({ min: 0, max: below - 1 }), { maxLength: 3 }).map((list) => list.map((index) => `m${index}`))
}

describe('modules.dep', () => {
  test('lists dependencies in the reverse of loading order, as busybox modprobe reads them', () => {
    expect(formatModulesDep(moduleClosure(['nf_tables', 'mdio_devres'], kernel))).toBe([
      'kernel/arch/x86/crypto/crc32c-intel.ko.xz:',
      'kernel/crypto/crc32c_generic.ko.xz:',
      'kernel/drivers/net/phy/libphy.ko.xz:',
      'kernel/drivers/net/phy/mdio_devres.ko.xz: kernel/drivers/net/phy/libphy.ko.xz',
      'kernel/lib/libcrc32c.ko.xz: kernel/crypto/crc32c_generic.ko.xz',
      'kernel/net/netfilter/nf_tables.ko.xz: kernel/lib/libcrc32c.ko.xz kernel/crypto/crc32c_generic.ko.xz kernel/net/netfilter/nfnetlink.ko.xz',
      'kernel/net/netfilter/nfnetlink.ko.xz:',
      '',
    ].join('\n'))
  })

  test('is refused when depmod found a dependency that modinfo does not tell', () => {
    const closure = moduleClosure(['mdio_devres', 'nfnetlink'], kernel)
    expect(() => checkAgainstDepmod(closure, formatModulesDep(closure))).not.toThrow()
    const depmod = 'kernel/drivers/net/phy/mdio_devres.ko.xz: kernel/net/netfilter/nfnetlink.ko.xz\n'
    expect(() => checkAgainstDepmod(closure, depmod)).toThrow(/mdio_devres needs nfnetlink/)
  })
})

test('modules.alias is the same whatever order depmod found the modules in (two builds differed by it)', () => {
  const lines = ['alias fs-ext3 ext4', 'alias crc32c crc32c_intel', 'alias crc32c crc32c_generic']
  const sorted = 'alias crc32c crc32c_generic\nalias crc32c crc32c_intel\nalias fs-ext3 ext4\n'
  expect(sortModulesAlias(`# Aliases extracted from modules themselves.\n${lines.join('\n')}\n`)).toBe(sorted)
  expect(sortModulesAlias(`${lines.toReversed().join('\n')}\n${lines[0]}\n`)).toBe(sorted)
})
