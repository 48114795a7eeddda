import type { Differences, Inspection } from '../../schema/inspection.ts'
import { describeSecrets } from '../image/secrets.ts'
import { kernelWarnings } from '../kernel/describe-kernel.ts'

const COLUMNS = 100
const WAYS = { biosCd: 'BIOS from CD', biosDisk: 'BIOS from a stick', uefiCd: 'UEFI from CD', uefiDisk: 'UEFI from a stick', secureBoot: 'Secure Boot', network: 'over the network' } as const

/** An inspection for people to read. */
export function describeInspection(found: Inspection): string {
  const { contents } = found
  const ways = Object.entries(WAYS).filter(([way]) => found.bootWays[way as keyof typeof WAYS]).map(([, name]) => name)
  return [
    `${found.file}`,
    `  Plump ${contents.version}, image ${found.imageId}, ${megabytes(found.bytes)}`,
    `  SHA-256    ${found.sha256}${{ matches: ' (as in its .sha256 file)', differs: ' (NOT what its .sha256 file says)', absent: '' }[found.checksumFile]}`,
    `  contents   ${found.damaged.length === 0 ? `all ${found.files.length} files are what the manifest says` : `DAMAGED: ${found.damaged.join(', ')}`}`,
    `  cluster    ${found.cluster}; the key is ${found.secrets.includes('cluster-key') ? 'in it' : 'not in it: nodes ask for it'}`,
    ...(found.secret ? [`  secret     it carries ${describeSecrets(found.secrets, found.cluster)}: treat the ISO as a secret`] : []),
    `  starts by  ${ways.join(', ')}`,
    '',
    'Kernels:',
    ...contents.kernels.flatMap((kernel) => [
      `  ${kernel.name}  ${kernel.version}, ${kernel.nodeModules.length} modules, ${{ debian: 'signed by Debian', other: 'signed by another', none: 'not signed' }[kernel.signature]}`,
      ...kernelWarnings(kernel).map((warning) => `    ${warning}`),
    ]),
    '',
    'Boot menu:',
    ...found.menu.map((entry) => `  ${entry.starts ? '*' : ' '} ${entry.title}\n      ${entry.arguments}`),
    '',
    ...contents.kernels.flatMap(({ name, nodeModules }) => [`Modules of ${name} (${nodeModules.length}):`, ...wrap(nodeModules), '']),
    `Firmware (${contents.firmware.length} files):`,
    ...wrap(contents.firmware),
    '',
    `Debian packages of ${contents.suite} (${contents.packages.length}):`,
    ...contents.packages.map(({ name, version, use }) => `  ${use.padEnd(8)} ${name} ${version}`),
    '',
    `npm packages (${contents.npm.length}):`,
    ...contents.npm.map(({ name, version }) => `  ${name} ${version}`),
    '',
    `Add-on packages (${found.addOns.length}):`,
    ...found.addOns.map(({ name, metadata, bytes }) => `  ${name}${metadata === undefined ? '' : ` (${metadata.name} ${metadata.version})`} ${megabytes(bytes)}`),
    '',
  ].join('\n')
}

/** Differences for people to read: `+` is only in the second, `-` only in the first. */
export function describeDifferences(differences: Differences): string {
  if (differences.length === 0) return 'nothing differs\n'
  return differences.map(({ what, name, before, after }) => {
    if (before === undefined) return `+ ${what} ${name}${after === 'there' ? '' : `  ${after}`}`
    if (after === undefined) return `- ${what} ${name}${before === 'there' ? '' : `  ${before}`}`
    return `  ${what} ${name}  ${before} -> ${after}`
  }).map((line) => `${line}\n`).join('')
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}

function wrap(names: readonly string[]): string[] {
  const lines: string[] = []
  for (const name of names) {
    const last = lines.at(-1)
    if (last === undefined || last.length + name.length >= COLUMNS) lines.push(`  ${name}`)
    else lines[lines.length - 1] = `${last} ${name}`
  }
  return lines
}
