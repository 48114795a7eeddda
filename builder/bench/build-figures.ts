import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from '../os/run.ts'
import { withoutSmall } from '../kernel/nic-families.ts'
import type { Plan } from '../plan/plan.ts'
import { copyCheckout } from './checkout-copy.ts'
import { addToIsoSeconds, MEASURED_PACKAGES, packageBytes } from './package-figures.ts'

export interface BuildFigures {
  /** Everything made anew, packages already downloaded. */
  coldBuildSeconds: number
  /** One line of the agent changed. */
  warmBuildSeconds: number
  /** Nothing changed. */
  unchangedBuildSeconds: number
  isoBytes: number
  /** Bytes of the ISO by what takes them, as the build record tells. */
  isoBytesByCause: Record<string, number>
  /** The ISO built with `nics.set: pc`. */
  pcIsoBytes: number
  /** Everything made anew with Debian's kernel and two of the user's own: the suite's rt and cloud ones. */
  threeKernelsBuildSeconds: number
  threeKernelsIsoBytes: number
  /** Bytes of modules and firmware by family of network cards. */
  nicFamilyBytes: Record<string, number>
  /** A package of 8 MB put into a finished ISO. */
  packageAddSeconds: number
  /** The ISO built with `packages.debian: [python3, perl, gcc]`, and what of it each Debian package takes. */
  packagesIsoBytes: number
  packageBytes: Record<string, number>
}

/**
 * Measures builds in a copy of the checkout, so that the user's cache neither helps nor suffers. Keeps the last ISO with the default
 * settings at `isoPath` until `use` returns.
 */
export async function withBuildFigures<Result>(
  project: string,
  options: { signal: AbortSignal; report: (text: string) => void },
  use: (figures: BuildFigures, isoPath: string) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'plump-bench-'))
  try {
    await copyCheckout(project, folder)
    const build = async (what: string, config?: string): Promise<number> => {
      options.report(what)
      const started = performance.now()
      await run(join(folder, 'plump'), ['build', ...(config === undefined ? [] : ['--config', config])], { signal: options.signal, limitSeconds: 1200 })
      return (performance.now() - started) / 1000
    }
    await build('filling the download cache (not measured)')
    await rm(join(folder, '.cache'), { recursive: true })
    const coldBuildSeconds = await build('cold build, packages downloaded')
    const unchangedBuildSeconds = await build('build with nothing changed')
    await appendFile(join(folder, 'agent/main.ts'), `\nObject.assign(globalThis, { benchmarked: ${Date.now()} })\n`)
    const warmBuildSeconds = await build('build after a change of the agent')
    const pcConfig = join(folder, 'pc.yaml')
    await run('cp', [join(project, 'test/fixtures/pc.yaml'), pcConfig])
    const final = join(folder, 'final')
    const iso = join(final, await fileEndingIn(final, '.iso'))
    const isoFigures = await recordOf(final)
    const kept = join(folder, 'measured.iso')
    await run('cp', ['--reflink=auto', iso, kept])
    await build('build with nics.set: pc', pcConfig)
    const pcFigures = await recordOf(final)
    options.report('putting a package into a finished ISO')
    const packageAddSeconds = await addToIsoSeconds(folder, iso, options.signal)
    const packagesConfig = join(folder, 'packages.yaml')
    await writeFile(packagesConfig, `packages:\n  debian: [${MEASURED_PACKAGES.join(', ')}]\n`)
    await build('build with packages.debian', packagesConfig)
    const packagesFigures = await recordOf(final)
    const nicFamilyBytes = await familiesOf(folder, options.signal)
    for (const flavour of ['rt', 'cloud']) {
      options.report(`taking in kernel ${flavour} (not measured)`)
      await run(join(folder, 'plump'), ['kernel', 'add', flavour, '--suite-package', `linux-image-${flavour}-amd64`], { signal: options.signal, limitSeconds: 1200 })
    }
    await rm(join(folder, '.cache'), { recursive: true })
    const threeKernelsBuildSeconds = await build('cold build with three kernels')
    const threeKernelsIsoBytes = (await recordOf(final)).isoBytes
    return await use({
      threeKernelsBuildSeconds, threeKernelsIsoBytes, nicFamilyBytes, coldBuildSeconds, warmBuildSeconds, unchangedBuildSeconds, ...isoFigures, pcIsoBytes: pcFigures.isoBytes,
      packageAddSeconds, packagesIsoBytes: packagesFigures.isoBytes, packageBytes: packageBytes(packagesFigures.isoBytesByCause, isoFigures.isoBytesByCause),
    }, kept)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function familiesOf(folder: string, signal: AbortSignal): Promise<Record<string, number>> {
  const plan = JSON.parse(await run(join(folder, 'plump'), ['plan', '--json'], { signal })) as Plan
  return Object.fromEntries(withoutSmall(plan.nicFamilies).map(({ family, moduleBytes, firmwareBytes }) => [family, moduleBytes + firmwareBytes]))
}

async function recordOf(final: string): Promise<Pick<BuildFigures, 'isoBytes' | 'isoBytesByCause'>> {
  const record = JSON.parse(await readFile(join(final, await fileEndingIn(final, '.build.json')), 'utf8')) as { iso: { bytes: number }; bytesByCause: Record<string, number> }
  return { isoBytes: record.iso.bytes, isoBytesByCause: record.bytesByCause }
}

async function fileEndingIn(folder: string, ending: string): Promise<string> {
  const name = (await readdir(folder)).find((file) => file.endsWith(ending))
  if (name === undefined) throw new Error(`no file ending in ${ending} in ${folder}`)
  return name
}
