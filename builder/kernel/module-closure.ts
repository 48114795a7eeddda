import { PlumpError } from '../errors.ts'
import { canonicalName, type KernelModules, type ModuleInfo } from './module-info.ts'

export interface ModuleClosure {
  /** Sorted by name. */
  modules: ModuleInfo[]
  /**
   * For each module name what must be loaded before it, in loading order: hard dependencies and, merged in, those softdeps
   * that always load. busybox modprobe knows no softdep, so this is what modules.dep says (recipes.md, "Softdeps matter").
   */
  loadBefore: Map<string, string[]>
  /** Wanted names the kernel has neither as a module nor built in. */
  unknown: string[]
}

/**
 * Everything the wanted modules need: depends, softdep (pre and post) and weakdep, transitively. Names built into the kernel
 * are skipped; a softdep or weakdep nobody provides is left out, as modprobe would; a missing dependency throws
 * MODULE_MISSING. `wanted` holds module names or plain aliases, with `-` or `_`.
 */
export function moduleClosure(wanted: Iterable<string>, kernel: KernelModules): ModuleClosure {
  const index = indexModules(kernel)
  const members = new Map<string, ModuleInfo>()
  const unknown = new Set<string>()
  const queue: ModuleInfo[] = []
  const add = (module: ModuleInfo) => {
    if (members.has(module.name)) return
    members.set(module.name, module)
    queue.push(module)
  }
  for (const name of wanted) {
    const found = index.resolve(name)
    if (found.length === 0 && !index.isBuiltin(name)) unknown.add(name)
    for (const module of found) add(module)
  }
  for (let module = queue.pop(); module; module = queue.pop()) {
    for (const dependency of index.hardDependencies(module)) add(dependency)
    for (const name of [...module.softdepPre, ...module.softdepPost, ...module.weakdep]) index.resolve(name).forEach(add)
  }
  const modules = [...members.values()].toSorted(byName)
  return { modules, loadBefore: loadingOrder(modules, index), unknown: [...unknown].toSorted() }
}

interface ModuleIndex {
  /** The module of that name, or all that carry it as an alias; none when it is built in or unknown. */
  resolve(nameOrAlias: string): ModuleInfo[]
  hardDependencies(module: ModuleInfo): ModuleInfo[]
  isBuiltin(nameOrAlias: string): boolean
}

function indexModules(kernel: KernelModules): ModuleIndex {
  const byModuleName = new Map(kernel.modules.map((module) => [module.name, module]))
  const builtin = new Set([...kernel.builtin.names, ...kernel.builtin.aliases.map(canonicalName)])
  const byAlias = new Map<string, ModuleInfo[]>()
  for (const module of kernel.modules) {
    for (const alias of module.aliases.map(canonicalName)) {
      byAlias.set(alias, [...(byAlias.get(alias) ?? []), module])
    }
  }
  const isBuiltin = (name: string) => builtin.has(canonicalName(name))
  return {
    isBuiltin,
    resolve(nameOrAlias) {
      const name = canonicalName(nameOrAlias)
      const module = byModuleName.get(name)
      if (module) return [module]
      return builtin.has(name) ? [] : (byAlias.get(name) ?? []).toSorted(byName)
    },
    hardDependencies(module) {
      return module.depends.flatMap((name) => {
        const dependency = byModuleName.get(name)
        if (dependency) return [dependency]
        if (isBuiltin(name)) return []
        throw new PlumpError('MODULE_MISSING', `kernel module ${module.name} needs ${name}, which the kernel package does not have`, {
          fix: 'the kernel is incomplete: rebuild it with all its modules, or leave the module out of nics.set',
        })
      })
    },
  }
}

/** For each module all it needs, each after what that needs itself. */
function loadingOrder(modules: readonly ModuleInfo[], index: ModuleIndex): Map<string, string[]> {
  const needs = directNeeds(modules, index)
  const orders = new Map<string, string[]>()
  const orderOf = (name: string): string[] => {
    const known = orders.get(name)
    if (known) return known
    const order = [...new Set((needs.get(name) ?? []).flatMap((need) => [...orderOf(need), need]))]
    orders.set(name, order)
    return order
  }
  for (const module of modules) orderOf(module.name)
  return orders
}

/** Dependencies of each module, and those softdeps that do not lead back to it: dependencies cannot be circular, softdeps can. */
function directNeeds(modules: readonly ModuleInfo[], index: ModuleIndex): Map<string, string[]> {
  const needs = new Map(modules.map((module) => [module.name, index.hardDependencies(module).map(({ name }) => name)]))
  const leadsTo = (from: string, target: string): boolean => from === target || (needs.get(from) ?? []).some((need) => leadsTo(need, target))
  for (const module of modules) {
    for (const { name } of alwaysLoading(module, index)) {
      const own = needs.get(module.name)
      if (own && !own.includes(name) && !leadsTo(name, module.name)) own.push(name)
    }
  }
  return needs
}

/**
 * The pre softdeps that can be treated like dependencies. An alias such as crc32c has several providers, some of which
 * refuse to load on a CPU without the instruction; only the generic one always loads.
 */
function alwaysLoading(module: ModuleInfo, index: ModuleIndex): ModuleInfo[] {
  return module.softdepPre.flatMap((name) => {
    const providers = index.resolve(name)
    const only = providers.length === 1 ? providers[0] : providers.find((provider) => provider.name.endsWith('_generic'))
    return only ? [only] : []
  })
}

function byName(a: ModuleInfo, b: ModuleInfo): number {
  return a.name < b.name ? -1 : 1
}
