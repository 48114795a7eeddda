import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findingsTable } from '../../builder/cli/doctor.ts'
import { installCommand } from '../../builder/doctor/ensure-tools.ts'
import { examine, missingPackages } from '../../builder/doctor/examine.ts'
import { HOST_TOOLS } from '../../builder/doctor/tools.ts'
import { temporaryFolder } from './pipeline-helpers.ts'

/** A folder for PATH with empty programs of these names. */
async function pathWith(...names: string[]): Promise<string> {
  const folder = temporaryFolder()
  await mkdir(folder, { recursive: true })
  for (const name of names) {
    await writeFile(join(folder, name), '')
    await chmod(join(folder, name), 0o755)
  }
  return folder
}

test('what is on PATH is found, what is not is missing with its package', async () => {
  const findings = await examine(['build'], await pathWith('xorriso', 'mksquashfs'))
  const present = (name: string): boolean | undefined => findings.find(({ tool }) => tool.name === name)?.present
  expect(present('xorriso')).toBe(true)
  expect(present('mksquashfs')).toBe(true)
  expect(present('mtools')).toBe(false)
  expect(missingPackages(findings)).toContain('mtools')
  expect(missingPackages(findings)).not.toContain('xorriso')
})

test('only what a purpose needs is looked for', async () => {
  const names = async (need: 'build' | 'lab'): Promise<string[]> => (await examine([need], '')).map(({ tool }) => tool.name)
  expect(await names('build')).not.toContain('QEMU')
  expect(await names('lab')).toContain('QEMU')
  expect(await names('lab')).not.toContain('xorriso')
})

test('several tools of one package are one package to install', async () => {
  const findings = HOST_TOOLS.filter((tool) => tool.package === 'xorriso').flatMap((tool) => [{ tool, present: false }, { tool, present: false }])
  expect(missingPackages(findings)).toEqual(['xorriso'])
  expect(installCommand(['a', 'b'])).toBe('sudo apt-get install --no-install-recommends a b')
})

test('the table tells what is missing and what it is for', () => {
  const findings = HOST_TOOLS.map((tool) => ({ tool, present: tool.name !== 'xorriso' }))
  const line = findingsTable(findings).split('\n').find((text) => text.includes('xorriso'))
  expect(line).toMatch(/^MISSING {2}xorriso .*writes the ISO, and takes it apart for serving \(build, test, serve\)$/)
})
