import { EXIT, PlumpError } from '../errors.ts'
import { withCompanions } from './chosen-packages.ts'
import { dependencyNames, parseStanzas } from './control.ts'
import type { PlumpYaml } from '../../schema/plump-yaml.ts'
import { firmwarePackages } from './firmware-packages.ts'
import { BOOT_PACKAGES, BOOT_SERVER_PACKAGES, KERNEL_METAPACKAGE, ROOT_PACKAGES, ROOT_PACKAGES_ALONE, WIFI_PACKAGES } from './root-packages.ts'
import type { PackageRecord, PackageUse } from './package-record.ts'
import type { PrivateApt } from './private-apt.ts'

export interface ResolveOptions {
  nics: PlumpYaml['nics']
  /** An apt that holds nothing of what is fetched for installed: it tells where packages are. */
  teller: PrivateApt
  /** packages.debian of plump.yaml, and an apt that holds nothing of what they need for installed. */
  chosen?: { names: readonly string[]; apt: PrivateApt }
}

/**
 * Every package of the image, sorted by name: the root's and the user's with what they depend on, the others alone. Throws NO_PACKAGE
 * when the suite lacks one, CONFIG when it lacks one of the user's or cannot have them all.
 */
export async function resolvePackageList(apt: PrivateApt, options: ResolveOptions): Promise<PackageRecord[]> {
  const { chosen, nics, teller } = options
  const wanted = nics.set === 'all' ? [...ROOT_PACKAGES, ...WIFI_PACKAGES] : ROOT_PACKAGES
  const rootNames = namesIn(await askApt(apt, ['install', '--print-uris', '-qq', ...wanted.map(({ name }) => name)]))
  const chosenNames = chosen === undefined ? [] : await askForChosen(chosen.apt, chosen.names)
  const uses = new Map<string, PackageUse>([
    // What is wanted in the root as well goes there: the boot server takes it by name.
    ...[...BOOT_PACKAGES, ...BOOT_SERVER_PACKAGES].map((name) => [name, 'boot'] as const),
    // Before the user's: who asks for more of one gets all of it.
    ...ROOT_PACKAGES_ALONE.map(({ name }) => [name, 'root'] as const),
    ...chosenNames.map((name) => [name, 'chosen'] as const),
    ...firmwarePackages(nics).map((name) => [name, 'firmware'] as const),
    [await kernelPackage(apt, KERNEL_METAPACKAGE), 'kernel'],
    ...rootNames.map((name) => [name, 'root'] as const),
  ])
  const names = [...uses.keys()].toSorted()
  const uris = parseUris(await askApt(teller, ['download', '--print-uris', '-qq', ...names]))
  const stanzas = parseStanzas(await teller.run('apt-cache', ['show', '--no-all-versions', ...names]))
  return stanzas.map((stanza) => toRecord(stanza, uris, uses)).toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/**
 * The record of one kernel package of the suite: of that name, or the one a metapackage such as linux-image-rt-amd64 depends on. Throws
 * NO_PACKAGE.
 */
export async function resolveKernelPackage(apt: PrivateApt, name: string): Promise<PackageRecord> {
  const real = await kernelPackage(apt, name)
  const uris = parseUris(await askApt(apt, ['download', '--print-uris', '-qq', real]))
  const [stanza] = parseStanzas(await apt.run('apt-cache', ['show', '--no-all-versions', real]))
  return toRecord(stanza ?? new Map(), uris, new Map([[real, 'kernel']]))
}

async function kernelPackage(apt: PrivateApt, asked: string): Promise<string> {
  const [stanza] = parseStanzas(await apt.run('apt-cache', ['show', '--no-all-versions', asked]).catch(() => ''))
  if (stanza && /^linux-image-\d/.test(asked)) return asked
  const name = dependencyNames(stanza?.get('Depends') ?? '').find((dependency) => dependency.startsWith('linux-image-'))
  if (name === undefined) {
    throw new PlumpError('NO_PACKAGE', stanza ? `${asked} is no kernel package and depends on none` : `the suite has no package ${asked}`, {
      fix: 'name one such as linux-image-cloud-amd64 or linux-image-rt-amd64; --refresh asks the mirror for newer lists',
    })
  }
  return name
}

/** Names of all that is needed for the user's packages and the root's together. */
async function askForChosen(apt: PrivateApt, names: readonly string[]): Promise<string[]> {
  const wanted = [...ROOT_PACKAGES.map(({ name }) => name), ...withCompanions(names)]
  try {
    return namesIn(await apt.run('apt-get', ['install', '--print-uris', '-qq', ...wanted]))
  } catch (error) {
    if (!(error instanceof PlumpError) || error.code !== 'COMMAND_FAILED') throw error
    const unknown = [...error.message.matchAll(/Unable to locate package (\S+)|Package '?([^\s']+)'? has no installation candidate/g)].map((match) => match[1] ?? match[2] ?? '')
    throw new PlumpError('CONFIG', unknown.length > 0
      ? `packages.debian: the suite has no package ${unknown.join(', ')}`
      : `packages.debian: apt finds no way to have ${names.join(', ')} together with the packages of a node\n${error.message}`, {
      fix: 'correct packages.debian in plump.yaml; apt-cache search WORD finds names', exitCode: EXIT.usage, cause: error,
    })
  }
}

async function askApt(apt: PrivateApt, args: readonly string[]): Promise<string> {
  try {
    return await apt.run('apt-get', args)
  } catch (error) {
    if (!(error instanceof PlumpError) || error.code !== 'COMMAND_FAILED') throw error
    throw new PlumpError('NO_PACKAGE', `the mirror's suite lacks packages of the image\n${error.message}`, {
      fix: './plump build --refresh; if it stays, name another mirror in plump.yaml under base.mirror', cause: error,
    })
  }
}

/** Reads `'URI' FILE SIZE SHA256:HASH` lines of --print-uris; gives URIs by SHA-256. */
export function parseUris(output: string): Map<string, string> {
  return new Map([...output.matchAll(/^'([^']+)' \S+ \d+ SHA256:([0-9a-f]{64})$/gm)].map((match) => [match[2] ?? '', match[1] ?? '']))
}

function namesIn(printedUris: string): string[] {
  return [...printedUris.matchAll(/^'[^']+' ([^_\s]+)_\S+\.deb \d+ /gm)].map((match) => match[1] ?? '')
}

function toRecord(stanza: Map<string, string>, uris: ReadonlyMap<string, string>, uses: ReadonlyMap<string, PackageUse>): PackageRecord {
  const field = (name: string): string => stanza.get(name) ?? ''
  const name = field('Package')
  const section = field('Section')
  const uri = uris.get(field('SHA256'))
  const use = uses.get(name)
  if (uri === undefined || use === undefined) throw new Error(`apt-cache and apt-get tell different things of ${name}`)
  return {
    name,
    version: field('Version'),
    architecture: field('Architecture'),
    source: field('Source').split(' ')[0] || name,
    filename: field('Filename'),
    uri,
    sizeBytes: Number(field('Size')),
    sha256: field('SHA256'),
    use,
    component: section.includes('/') ? (section.split('/')[0] ?? 'main') : 'main',
    section: section.split('/').at(-1) ?? section,
  }
}
