import { writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { checkLibraries, dynamicPrograms, librariesByName, missingLibraries } from '../debian/check-libraries.ts'
import type { Step } from '../pipeline/step.ts'
import { chosenPackages } from './chosen-packages.ts'
import { nodeRuntime } from './node-runtime.ts'
import { unpackRoot } from './unpack-root.ts'

/** Libraries that glibc opens by name for host names, users and threads. */
const LOADED_BY_NAME = ['libnss_files.so.2', 'libnss_dns.so.2', 'libresolv.so.2']

/** Makes sure that every program of the root finds its libraries there. Result: libraries.json, the ones nobody asks for. */
export const checkRoot: Step = {
  id: 'check-root',
  title: 'Check the libraries of the root',
  needs: [unpackRoot, chosenPackages, nodeRuntime],
  codeUrl: import.meta.url,
  inputs: () => Promise.resolve({}),
  async run({ out, result, warn }) {
    const roots = [unpackRoot, chosenPackages, nodeRuntime].map((step) => join(result(step), 'root'))
    const [ofRoot = [], ofChosen = [], ofNode = []] = await Promise.all(roots.map(dynamicPrograms))
    const libraries = new Map((await Promise.all(roots.map(librariesByName))).flatMap((found) => [...found]))
    const unused = checkLibraries([...ofRoot, ...ofNode], libraries, LOADED_BY_NAME)
    // Packages of the user's may find libraries by themselves, in a folder of their own, and may have plug-ins for what is not installed.
    const anywhere = new Set([...libraries.keys(), ...ofChosen.map(({ path }) => basename(path))])
    for (const lack of missingLibraries(ofChosen, anywhere)) warn(`packages.debian: ${lack}, which no package brings; that part of it will not work`)
    await writeFile(join(out, 'libraries.json'), `${JSON.stringify({ unused }, undefined, 1)}\n`)
  },
}
