import type { Differences, Inspection } from '../../schema/inspection.ts'

/** What differs between two ISOs, in the order in which a person wants to know it. Files are told of only where nothing else explains them. */
export function compareInspections(before: Inspection, after: Inspection): Differences {
  const kernelsOf = ({ contents }: Inspection) => contents.kernels
  const differences = [
    ...compare('image', before, after, ({ contents, secrets }) => ({
      'version': contents.version,
      'cluster key': embedded(secrets.includes('cluster-key')),
      'Wi-Fi passwords': embedded(secrets.includes('wifi-passwords')),
    })),
    ...compare('boot way', before, after, ({ bootWays }) => texts(bootWays)),
    ...compare('kernel', before, after, (one) => Object.fromEntries(kernelsOf(one).map(({ name, version }) => [name, version]))),
    ...compare('menu entry', before, after, ({ menu, imageId }) => Object.fromEntries(menu.map((entry) => [entry.id, `${entry.kernel}: ${entry.arguments.replaceAll(imageId, 'ID')}`]))),
    ...compare('module', before, after, (one) => Object.fromEntries(kernelsOf(one).flatMap(({ name, nodeModules }) => nodeModules.map((module) => [`${name}/${module}`, 'there'])))),
    ...compare('firmware', before, after, ({ contents }) => Object.fromEntries(contents.firmware.map((path) => [path, 'there']))),
    ...compare('package', before, after, ({ contents }) => Object.fromEntries(contents.packages.map(({ name, version }) => [name, version]))),
    ...compare('npm package', before, after, ({ contents }) => Object.fromEntries(contents.npm.map(({ name, version }) => [name, version]))),
    ...compare('add-on package', before, after, ({ addOns }) => Object.fromEntries(addOns.map(({ name, metadata, sha256 }) => [name, `${metadata?.version ?? ''} sha256:${sha256.slice(0, 16)}`.trim()]))),
    ...compare('setting', before, after, ({ contents }) => Object.fromEntries(settingsOf(contents.configuration))),
  ]
  return [...differences, ...compare('file', before, after, ({ files }) => Object.fromEntries(files.map(({ path, sha256 }) => [path, sha256.slice(0, 16)])))]
}

function compare(what: string, before: Inspection, after: Inspection, read: (inspection: Inspection) => Record<string, string>): Differences {
  const [old, now] = [read(before), read(after)]
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])].toSorted()
  return names.filter((name) => old[name] !== now[name]).map((name) => ({
    what, name, ...(old[name] === undefined ? {} : { before: old[name] }), ...(now[name] === undefined ? {} : { after: now[name] }),
  }))
}

function embedded(isThere: boolean): string {
  return isThere ? 'embedded' : 'not embedded'
}

function texts(values: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]))
}

/** Nested settings by their dotted names, as in `menu.timeoutSeconds`; a list counts as one value. */
export function settingsOf(value: unknown, prefix = ''): [string, string][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[prefix, JSON.stringify(value) ?? '']]
  const entries = Object.entries(value)
  if (entries.length === 0) return [[prefix, '{}']]
  return entries.flatMap(([key, inner]) => settingsOf(inner, prefix === '' ? key : `${prefix}.${key}`))
}
