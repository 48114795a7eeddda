import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { PackageRecord } from '../../builder/debian/package-record.ts'
import { addOnSoftware } from '../../builder/packages/archive-record.ts'
import { publish, type Publication } from '../../builder/pipeline/publish.ts'
import { describeEvent } from '../../builder/pipeline/listeners/plain.ts'
import { kernelSoftware } from '../../builder/record/kernel-software.ts'
import { spdxDocument } from '../../builder/record/spdx.ts'
import { shareOut } from '../../builder/record/weigh.ts'
import type { KernelDescription } from '../../schema/kernel-description.ts'
import { temporaryFolder, trialBuild } from './pipeline-helpers.ts'

const dash: PackageRecord = {
  name: 'libstdc++6', version: '14.2.0-19', architecture: 'amd64', source: 'gcc-14', filename: 'pool/l.deb', uri: 'http://mirror.example/pool/l.deb',
  sizeBytes: 1, sha256: 'ab'.repeat(32), use: 'root', component: 'main', section: 'libs',
}

test('the SBOM names every package with licence, hash and package URL, and no mirror', () => {
  const document = spdxDocument({
    version: '1.0', iso: { name: 'plump.iso', sha256: 'cd'.repeat(32) }, epochSeconds: 1_000_000_000, suite: 'trixie',
    debian: [dash], copyrights: new Map([['libstdc++6', 'free text']]), others: [{ name: 'node', version: '24', license: 'MIT', purl: 'pkg:npm/node@24' }],
  })
  expect(document).toMatchObject({
    spdxVersion: 'SPDX-2.3',
    creationInfo: { created: '2001-09-09T01:46:40Z' },
    packages: [
      { name: 'plump.iso', checksums: [{ checksumValue: 'cd'.repeat(32) }] },
      {
        SPDXID: 'SPDXRef-debian-libstdc-plus-plus6', versionInfo: '14.2.0-19', licenseDeclared: 'LicenseRef-debian-libstdc-plus-plus6',
        externalRefs: [{ referenceLocator: 'pkg:deb/debian/libstdc%2B%2B6@14.2.0-19?arch=amd64&distro=trixie' }],
      },
      { name: 'node', licenseDeclared: 'MIT' },
    ],
    hasExtractedLicensingInfos: [{ licenseId: 'LicenseRef-debian-libstdc-plus-plus6', extractedText: 'free text' }],
  })
  expect(JSON.stringify(document)).not.toContain('mirror.example')
})

test('packages with the same copyright file share one licence text in the SBOM', () => {
  const document = spdxDocument({
    version: '1.0', iso: { name: 'plump.iso', sha256: 'cd'.repeat(32) }, epochSeconds: 0, suite: 'trixie', others: [],
    debian: [{ ...dash, name: 'one' }, { ...dash, name: 'two' }], copyrights: new Map([['one', 'same'], ['two', 'same']]),
  })
  expect(document).toMatchObject({
    packages: [{}, { licenseDeclared: 'LicenseRef-debian-one' }, { licenseDeclared: 'LicenseRef-debian-one' }],
    hasExtractedLicensingInfos: [{ licenseId: 'LicenseRef-debian-one', extractedText: 'same' }],
  })
})

test('kernels of the user and add-on packages are in the SBOM with licence, hash and where they are from', () => {
  const kernel: KernelDescription = {
    name: 'rt', version: '6.12.1-rt', imageBytes: 1, imageSha256: 'aa'.repeat(32), signature: 'debian', modules: { count: 0, unsigned: 0, formats: {} }, lacks: [], unchecked: [], notes: [],
  }
  const origin = { package: 'linux-image-6.12.1-rt-amd64', version: '6.12.1-1', sha256: 'bb'.repeat(32), suite: true }
  expect(kernelSoftware(kernel, origin, 'trixie')).toEqual({
    name: 'linux-rt', version: '6.12.1-1', license: 'GPL-2.0-only', sha256: 'bb'.repeat(32), purl: 'pkg:deb/debian/linux-image-6.12.1-rt-amd64@6.12.1-1?arch=amd64&distro=trixie',
  })
  const own = kernelSoftware(kernel, undefined, 'trixie')
  expect(own).toMatchObject({ version: '6.12.1-rt', purl: `pkg:generic/linux@6.12.1-rt?checksum=sha256:${'aa'.repeat(32)}` })
  const addOn = addOnSoftware({
    name: 'tools.tar.gz', sha256: 'cc'.repeat(32), bytes: 1, unpackedBytes: 1, files: 1, starts: [], refused: [], metadata: { name: 'tools', version: '2', description: '', license: 'MIT' },
  })
  expect(spdxDocument({
    version: '1.0', iso: { name: 'plump.iso', sha256: 'cd'.repeat(32) }, epochSeconds: 0, suite: 'trixie', debian: [], copyrights: new Map(), others: [own, addOn],
  })).toMatchObject({
    packages: [
      {}, { name: 'linux-rt', licenseDeclared: 'GPL-2.0-only', checksums: [{ checksumValue: 'aa'.repeat(32) }] },
      { name: 'tools', versionInfo: '2', licenseDeclared: 'MIT', checksums: [{ checksumValue: 'cc'.repeat(32) }] },
    ],
  })
})

test('shares add up to the total, to the byte', () => {
  fc.assert(fc.property(fc.nat(1e9), fc.dictionary(fc.string({ minLength: 1 }).filter((key) => key !== '__proto__'), fc.integer({ min: 1, max: 1e8 }), { minKeys: 1 }), (total, estimates) => {
    const shares = shareOut(total, estimates)
    expect(Object.keys(shares).toSorted()).toEqual(Object.keys(estimates).toSorted())
    expect(Object.values(shares).reduce((sum, share) => sum + share, 0)).toBe(total)
  }))
})

async function publication(): Promise<Publication> {
  const folder = temporaryFolder()
  await mkdir(join(folder, 'netboot'))
  for (const name of ['plump.iso', 'spdx.json', 'netboot/bzImage', 'netboot/initrd', 'netboot/boot.ipxe']) await writeFile(join(folder, name), name)
  return { iso: join(folder, 'plump.iso'), netboot: join(folder, 'netboot'), spdx: join(folder, 'spdx.json'), record: ({ sha256 }) => sha256 }
}

test('a build leaves its results in final/, with the checksum as sha256sum reads it', async () => {
  const { build } = trialBuild()
  const published = await publish(build, await publication())
  expect((await readdir(build.paths.final)).toSorted()).toEqual([
    'netboot', 'plump-0.0.0-amd64.build.json', 'plump-0.0.0-amd64.iso', 'plump-0.0.0-amd64.iso.sha256', 'plump-0.0.0-amd64.spdx.json',
  ])
  expect(await readFile(`${published.iso}.sha256`, 'utf8')).toBe(`${published.sha256}  plump-0.0.0-amd64.iso\n`)
  expect((await stat(published.iso)).mode & 0o777).toBe(0o644)
})

test('what carries the cluster key can be read by its owner only', async () => {
  const { build } = trialBuild()
  const { iso } = await publish({ ...build, clusterKey: 'secret' }, await publication())
  expect((await stat(iso)).mode & 0o777).toBe(0o600)
  expect((await stat(join(build.paths.final, 'netboot/initrd'))).mode & 0o777).toBe(0o600)
})

test('publishing again replaces everything and leaves nothing aside', async () => {
  const { build } = trialBuild()
  await publish(build, await publication())
  const before = (await readdir(build.paths.final)).toSorted()
  const next = await publication()
  await writeFile(next.iso, 'another')
  const { iso } = await publish(build, next)
  expect(await readFile(iso, 'utf8')).toBe('another')
  expect((await readdir(build.paths.final)).toSorted()).toEqual(before)
})

test('the signature of the ISO that was there before goes with it', async () => {
  const { build } = trialBuild()
  const { iso } = await publish(build, await publication())
  await writeFile(`${iso}.sig`, 'of that one')
  await publish(build, await publication())
  expect(await readdir(build.paths.final)).not.toContain('plump-0.0.0-amd64.iso.sig')
})

test('an interruption before the end leaves final/ as it was', async () => {
  const { build, interrupt } = trialBuild()
  interrupt()
  await expect(publish(build, await publication())).rejects.toMatchObject({ name: 'AbortError' })
  expect(await readdir(build.paths.final)).toEqual([])
})

test('lines of a log', () => {
  const titles = new Map([['iso', 'Write the ISO']])
  expect(describeEvent({ type: 'step-done', step: 'iso', seconds: 1.26, cached: false }, titles, false)).toBe('Write the ISO: done in 1.3 s')
  expect(describeEvent({ type: 'step-done', step: 'iso', seconds: 0, cached: true }, titles, false)).toBe('Write the ISO: cached')
  expect(describeEvent({ type: 'step-started', step: 'iso', why: 'result of esp changed' }, titles, true)).toBe('Write the ISO … (result of esp changed)')
  expect(describeEvent({ type: 'command', commandLine: 'xorriso -x' }, titles, false)).toBeUndefined()
  expect(describeEvent({ type: 'command', commandLine: 'xorriso -x' }, titles, true)).toBe('+ xorriso -x')
})
