import { run } from './run.ts'

/** How each tool tells its version, and where in its output that is. Most print it first, squashfs-tools and mtools in their own ways. */
const TOOLS = {
  'mksquashfs': ['-version'],
  'xorriso': ['-version'],
  'mtools': ['--version'],
  'depmod': ['--version'],
  'modinfo': ['--version'],
  'grub-mkimage': ['--version'],
  'dpkg-deb': ['--version'],
  'xz': ['--version'],
  'strip': ['--version'],
  'tar': ['--version'],
} as const
export type Tool = keyof typeof TOOLS

const versions = new Map<Tool, Promise<string>>()

/** The first line of what TOOL says of its version, for the inputs of a step. Asked once per process. Throws TOOL_MISSING. */
export function toolVersion(tool: Tool): Promise<string> {
  const known = versions.get(tool) ?? run(tool, TOOLS[tool]).then((text) => text.split('\n')[0] ?? '')
  versions.set(tool, known)
  return known
}

/** The versions of several tools as inputs: `{'tool mksquashfs': 'mksquashfs version 4.6.1 (…)'}`. */
export async function toolVersions(...tools: Tool[]): Promise<Record<string, string>> {
  const entries = await Promise.all(tools.map(async (tool) => [`tool ${tool}`, await toolVersion(tool)] as const))
  return Object.fromEntries(entries)
}
