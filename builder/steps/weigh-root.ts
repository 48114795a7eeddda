import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { compressedBytes, shareOut } from '../record/weigh.ts'
import type { Step } from '../pipeline/step.ts'
import { chosenPackages } from './chosen-packages.ts'
import { nodeRuntime } from './node-runtime.ts'
import { overlay } from './overlay.ts'
import { rootSquashfs } from './root-squashfs.ts'
import { unpackRoot } from './unpack-root.ts'

const filesSchema = z.record(z.string(), z.object({ files: z.array(z.string()) }))

/** Packages this small are told of together. */
const SMALL_BYTES = 500_000

/** Finds out what takes how much of the root's squashfs, for the build record. Result: bytes.json, by cause, adding up to the file. */
export const weighRoot: Step = {
  id: 'weigh-root',
  title: 'Weigh the parts of the root',
  needs: [unpackRoot, chosenPackages, overlay, nodeRuntime, rootSquashfs],
  codeUrl: import.meta.url,
  inputs: () => Promise.resolve({}),
  async run({ out, result }) {
    const estimates: Record<string, number> = { 'other packages': 0 }
    for (const step of [unpackRoot, chosenPackages]) {
      const packages = filesSchema.parse(JSON.parse(await readFile(join(result(step), 'files.json'), 'utf8')))
      for (const [name, { files }] of Object.entries(packages)) {
        const bytes = await compressedBytes(join(result(step), 'root'), files)
        const cause = bytes < SMALL_BYTES ? 'other packages' : name
        estimates[cause] = (estimates[cause] ?? 0) + bytes
      }
    }
    estimates['node'] = await compressedBytes(join(result(nodeRuntime), 'root'), ['usr/bin/node'])
    const total = (await stat(join(result(rootSquashfs), 'root.sqfs'))).size
    await writeFile(join(out, 'bytes.json'), `${JSON.stringify(shareOut(total, estimates), undefined, 1)}\n`)
  },
}
