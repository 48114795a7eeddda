import { lstat, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { linkLibraries } from '../debian/library-folders.ts'
import { accountLines, chooseAlternatives, type Alternative } from '../debian/maintainer-scripts.ts'
import { packageListSchema } from '../debian/package-record.ts'
import { CUT_DOWN, unpackChosen, unpackRest, type UnpackedChosen } from '../debian/unpack-chosen.ts'
import { mergedPath, type Unpacked } from '../debian/unpack.ts'
import { toolVersions } from '../os/tool-version.ts'
import { fileInputs } from '../pipeline/inputs.ts'
import type { Step } from '../pipeline/step.ts'
import { fetchPackages } from './fetch-packages.ts'
import { resolvePackages } from './resolve-packages.ts'
import { unpackRoot } from './unpack-root.ts'

const PASSWD = 'rootfs-overlay/etc/passwd'

/**
 * Unpacks packages.debian with all they depend on, and does what their maintainer scripts would have done: alternatives, libraries in
 * folders of their own, users. What is left of those scripts it tells. Result: root/, files.json as of unpack-root, accounts.json: lines for
 * passwd, group and shadow, and left.json: what was not done, by package.
 */
export const chosenPackages: Step = {
  id: 'chosen-packages',
  title: 'Unpack the packages of your choice',
  needs: [resolvePackages, fetchPackages, unpackRoot],
  codeUrl: import.meta.url,
  inputs: async (build) => ({ ...await toolVersions('dpkg-deb'), ...await fileInputs(build.paths.project, [PASSWD]) }),
  async run({ build, out, result, progress, warn }) {
    const packages = packageListSchema.parse(JSON.parse(await readFile(join(result(resolvePackages), 'packages.json'), 'utf8')))
    const names = packages.filter(({ use }) => use === 'chosen').map(({ name }) => name)
    const deb = (name: string): string => join(result(fetchPackages), 'debs', `${name}.deb`)
    const [root, tree] = [join(out, 'root'), join(out, 'tree')]
    await mkdir(root)
    const chosen = new Map<string, UnpackedChosen>()
    const rest = new Map<string, Unpacked>()
    for (const [index, name] of names.entries()) {
      progress(name, index, names.length)
      chosen.set(name, await unpackChosen(build, name, deb(name), root, tree))
    }
    const cutDown = names.length === 0 ? [] : packages.filter(({ name, use }) => use === 'root' && CUT_DOWN.includes(name))
    for (const { name } of cutDown) rest.set(`${name} (rest)`, await unpackRest(build, deb(name), root, tree))
    const scripts = [...chosen.values()].map((each) => each.scripts)
    await linkAlternatives(chooseAlternatives(scripts.flatMap(({ alternatives }) => alternatives)), root, join(result(unpackRoot), 'root'))
    await linkLibraries(root)
    const taken = new Set((await readFile(join(build.paths.project, PASSWD), 'utf8')).split('\n').map((line) => line.split(':')[0] ?? ''))
    const left = Object.fromEntries([...chosen].flatMap(([name, each]) => (each.scripts.left.length === 0 ? [] : [[name, each.scripts.left]])))
    for (const [name, what] of Object.entries(left)) warn(`packages.debian: the maintainer script of ${name} is not run: ${what.join('; ')}`)
    const files = Object.fromEntries([...chosen, ...rest].map(([name, { files: paths, bytes }]) => [name, { files: paths, bytes }]))
    await writeJson(join(out, 'files.json'), files)
    await writeJson(join(out, 'accounts.json'), accountLines(scripts.flatMap(({ users }) => users), taken))
    await writeJson(join(out, 'left.json'), left)
  },
}

/** A link straight to the choice, where no package has a file of that name and the target is there. */
async function linkAlternatives(alternatives: readonly Alternative[], root: string, nodeRoot: string): Promise<void> {
  const isThere = async (path: string): Promise<boolean> => {
    const found = await Promise.all([root, nodeRoot].map((tree) => lstat(join(tree, path)).then(() => true, () => false)))
    return found.includes(true)
  }
  for (const { link, target } of alternatives) {
    const path = mergedPath(link.slice(1))
    if (!link.startsWith('/usr/share/man/') && !await isThere(path) && await isThere(mergedPath(target.slice(1)))) {
      await mkdir(dirname(join(root, path)), { recursive: true })
      await symlink(target, join(root, path))
    }
  }
}

async function writeJson(file: string, value: unknown): Promise<void> {
  await writeFile(file, `${JSON.stringify(value, undefined, 1)}\n`)
}
