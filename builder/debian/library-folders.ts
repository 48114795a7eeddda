import { lstat, readdir, readFile, symlink } from 'node:fs/promises'
import { join, relative } from 'node:path'

/** Where the dynamic linker of amd64 Debian looks without a cache. */
const DEFAULT_FOLDER = 'usr/lib/x86_64-linux-gnu'

/**
 * ldconfig's work: libraries that lie in folders of their own, which packages name in etc/ld.so.conf.d, get a link in the linker's default
 * folder. Links and not a cache, because a cache depends on the build machine's ldconfig. Gives the links made.
 */
export async function linkLibraries(root: string): Promise<string[]> {
  const made: string[] = []
  for (const folder of await libraryFolders(root)) {
    for (const name of (await readdir(join(root, folder)).catch((): string[] => [])).filter((file) => /\.so(\.|$)/.test(file)).toSorted()) {
      const link = join(DEFAULT_FOLDER, name)
      if (await lstat(join(root, link)).catch(() => undefined)) continue
      await symlink(relative(DEFAULT_FOLDER, join(folder, name)), join(root, link))
      made.push(link)
    }
  }
  return made
}

async function libraryFolders(root: string): Promise<string[]> {
  const folder = join(root, 'etc/ld.so.conf.d')
  const files = (await readdir(folder).catch((): string[] => [])).toSorted()
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')))
  const named = texts.flatMap((text) => text.split('\n')).map((line) => line.replace(/#.*/, '').trim()).filter((line) => line.startsWith('/'))
  const merged = named.map((path) => path.replace(/^\/lib\//, '/usr/lib/').slice(1))
  return [...new Set(merged)].filter((path) => path !== DEFAULT_FOLDER && path.startsWith('usr/') && !path.includes('..'))
}
