import type { Inspection } from '../../schema/inspection.ts'

/** Reads the entries that start a kernel back from a boot menu that {@link renderBootMenu} in image/boot-menu.ts wrote. */
export function parseMenu(grubConfig: string): Inspection['menu'] {
  const chosen = /^set default=(\S+)$/m.exec(grubConfig)?.[1]
  return [...grubConfig.matchAll(/^menuentry '((?:[^']|'\\'')*)' --id (\S+).*\{\n[\s\S]*?^ {2}linux \/kernels\/([^/]+)\/bzImage (.*)$/gm)].map(([, title = '', id = '', kernel = '', words = '']) => ({
    id, title: title.replaceAll("'\\''", "'"), kernel, arguments: words.replaceAll(/\\(.)/g, '$1'), starts: id === chosen,
  }))
}
