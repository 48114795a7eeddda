import { readFile, writeFile } from 'node:fs/promises'
import type { InspectedArchive } from '../../schema/add-on-package.ts'
import { buildRecordSchema } from '../../schema/build-record.ts'
import { withSoftware } from '../record/spdx-change.ts'
import { addOnSoftware } from './archive-record.ts'

/** Brings the build record and the SBOM that lie beside a changed ISO up to it. */
export async function updateRecords({ file, sha256, bytes, archive }: { file: string; sha256: string; bytes: number; archive: InspectedArchive }): Promise<void> {
  const stem = file.replace(/\.iso$/, '')
  await change(`${stem}.build.json`, (value) => {
    const record = buildRecordSchema.parse(value)
    return { ...record, iso: { ...record.iso, sha256, bytes }, bytesByCause: { ...record.bytesByCause, [`package ${archive.name}`]: archive.bytes } }
  })
  await change(`${stem}.spdx.json`, (value) => withSoftware(value, sha256, addOnSoftware(archive)))
}

async function change(file: string, update: (value: unknown) => object): Promise<void> {
  const text = await readFile(file, 'utf8').catch(() => undefined)
  if (text !== undefined) await writeFile(file, `${JSON.stringify(update(JSON.parse(text)), undefined, 1)}\n`)
}
