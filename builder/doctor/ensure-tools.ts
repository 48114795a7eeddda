import { execa } from 'execa'
import { EXIT, PlumpError } from '../errors.ts'
import { examine, missingPackages, type Finding } from './examine.ts'
import type { Need } from './tools.ts'

/**
 * Installs what is missing for a purpose, when that can be done without asking: as root, or with passwordless sudo. Throws
 * TOOL_MISSING (exit code 3) with the one command to type otherwise. apt's own progress goes to stderr.
 */
export async function ensureTools(need: Need, options: { signal?: AbortSignal } = {}): Promise<void> {
  ensureSystemPath()
  const findings = await examine([need])
  if (missingPackages(findings).length > 0) await installMissing(findings, [need], options)
}

/** Adds to PATH what Debian leaves out for ordinary users: the folders of depmod and dnsmasq. */
export function ensureSystemPath(): void {
  const folders = (process.env['PATH'] ?? '').split(':')
  process.env['PATH'] = [...folders, ...['/usr/sbin', '/sbin'].filter((folder) => !folders.includes(folder))].join(':')
}

/** Installs the packages of everything missing and looks again. Throws TOOL_MISSING when it cannot or it did not help. */
export async function installMissing(findings: readonly Finding[], needs: readonly Need[], options: { signal?: AbortSignal } = {}): Promise<void> {
  const packages = missingPackages(findings)
  if (packages.length === 0) return
  const prefix = await privilegePrefix()
  if (prefix === undefined) throw toolMissing(findings)
  process.stderr.write(`plump: installing ${packages.join(' ')}\n`)
  const install = ['install', '-y', '--no-install-recommends', ...packages]
  const installed = (await aptGet(prefix, install, options)) || ((await aptGet(prefix, ['update'], options)) && (await aptGet(prefix, install, options)))
  if (!installed) throw toolMissing(findings)
  const still = (await examine(needs)).filter(({ present }) => !present)
  if (still.length > 0) throw toolMissing(still)
}

/** The command a user must type to install what is missing. */
export function installCommand(packages: readonly string[]): string {
  return `sudo apt-get install --no-install-recommends ${packages.join(' ')}`
}

function toolMissing(findings: readonly Finding[]): PlumpError {
  const missing = findings.filter(({ present }) => !present)
  return new PlumpError('TOOL_MISSING', missing.map(({ tool }) => `${tool.name} not found; it ${tool.why}`).join('\n'), {
    fix: installCommand(missingPackages(findings)), exitCode: EXIT.toolMissing,
  })
}

/** What to put before a command to run it as root without a question; undefined when that cannot be. */
async function privilegePrefix(): Promise<readonly string[] | undefined> {
  if (process.getuid?.() === 0) return []
  const sudo = await execa('sudo', ['-n', 'true'], { reject: false, stdio: 'ignore' })
  return sudo.failed ? undefined : ['sudo', '-n', 'env', 'DEBIAN_FRONTEND=noninteractive']
}

async function aptGet(prefix: readonly string[], args: readonly string[], options: { signal?: AbortSignal }): Promise<boolean> {
  const [program, ...words] = [...prefix, 'apt-get', ...args]
  const result = await execa(program ?? 'apt-get', words, {
    reject: false, stdin: 'ignore', stdout: process.stderr, stderr: process.stderr, env: { DEBIAN_FRONTEND: 'noninteractive' },
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  })
  return !result.failed
}
