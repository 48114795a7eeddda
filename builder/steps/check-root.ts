import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { checkLibraries, dynamicPrograms, librariesByName } from '../debian/check-libraries.ts'
import type { Step } from '../pipeline/step.ts'
import { nodeRuntime } from './node-runtime.ts'
import { unpackRoot } from './unpack-root.ts'

/** Libraries that glibc opens by name for host names, users and threads. */
const LOADED_BY_NAME = ['libnss_files.so.2', 'libnss_dns.so.2', 'libresolv.so.2']

/** Makes sure that every program of the root finds its libraries there. Result: libraries.json, the ones nobody asks for. */
export const checkRoot: Step = {
  id: 'check-root',
  title: 'Check the libraries of the root',
  needs: [unpackRoot, nodeRuntime],
  codeUrl: import.meta.url,
  inputs: () => Promise.resolve({}),
  async run({ out, result }) {
    const roots = [unpackRoot, nodeRuntime].map((step) => join(result(step), 'root'))
    const programs = (await Promise.all(roots.map(dynamicPrograms))).flat()
    const libraries = new Map((await Promise.all(roots.map(librariesByName))).flatMap((found) => [...found]))
    const unused = checkLibraries(programs, libraries, LOADED_BY_NAME)
    await writeFile(join(out, 'libraries.json'), `${JSON.stringify({ unused }, undefined, 1)}\n`)
  },
}
