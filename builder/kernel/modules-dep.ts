import { PlumpError } from '../errors.ts'
import type { ModuleClosure } from './module-closure.ts'

/**
 * The text of modules.dep: `PATH: PATHS`, dependencies in the reverse of loading order, as depmod writes them and busybox
 * modprobe reads them.
 */
export function formatModulesDep(closure: ModuleClosure): string {
  const paths = new Map(closure.modules.map((module) => [module.name, module.path]))
  const pathOf = (name: string) => {
    const path = paths.get(name)
    if (path === undefined) throw new Error(`${name} is in a loading order but not in the closure`)
    return path
  }
  const lines = closure.modules.toSorted((a, b) => (a.path < b.path ? -1 : 1)).map((module) => {
    const before = (closure.loadBefore.get(module.name) ?? []).toReversed().map(pathOf)
    return `${module.path}:${before.map((path) => ` ${path}`).join('')}\n`
  })
  return lines.join('')
}

/**
 * Checks the modules.dep depmod made from the symbols against ours: a dependency depmod found and we do not load first would
 * end in "unknown symbol" on the node. Throws MODULE_MISSING naming the first.
 */
export function checkAgainstDepmod(closure: ModuleClosure, depmodText: string): void {
  const names = new Map(closure.modules.map((module) => [module.path, module.name]))
  for (const line of depmodText.split('\n').filter((text) => text !== '')) {
    const [path = '', dependencies = ''] = line.split(':')
    const name = names.get(path)
    const before = new Set(name === undefined ? [] : closure.loadBefore.get(name))
    for (const dependency of dependencies.split(' ').filter((text) => text !== '')) {
      const needed = names.get(dependency) ?? dependency
      if (!before.has(needed)) {
        const what = `depmod says that kernel module ${name ?? path} needs ${needed}, which its own description does not name`
        throw new PlumpError('MODULE_MISSING', what, {
          fix: 'run depmod on the kernel\'s modules and rebuild them where it complains',
        })
      }
    }
  }
}

/**
 * The lines of modules.alias sorted, once each, without comments: depmod writes them in an order that differs from run to run. busybox modprobe
 * loads every module whose alias matches, so the order means nothing.
 */
export function sortModulesAlias(text: string): string {
  const lines = new Set(text.split('\n').filter((line) => line !== '' && !line.startsWith('#')))
  return [...lines].toSorted().map((line) => `${line}\n`).join('')
}
