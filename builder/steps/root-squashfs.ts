import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { mergeTrees } from '../image/merge-trees.ts'
import { makeSquashfs, squashfsInputs } from '../image/squashfs.ts'
import { toolVersions } from '../os/tool-version.ts'
import type { Step } from '../pipeline/step.ts'
import { chosenPackages } from './chosen-packages.ts'
import { nodeRuntime } from './node-runtime.ts'
import { overlay } from './overlay.ts'
import { unpackRoot } from './unpack-root.ts'

/** What a program needs of /dev before anything is mounted there. */
const DEVICE_NODES = [
  'dev/console c 600 0 0 5 1', 'dev/null c 666 0 0 1 3', 'dev/zero c 666 0 0 1 5', 'dev/full c 666 0 0 1 7', 'dev/random c 666 0 0 1 8',
  'dev/urandom c 666 0 0 1 9', 'dev/tty c 666 0 0 5 0',
]

/** Packs the root of a node: Debian's files, ours over them, Node. Result: root.sqfs. */
export const rootSquashfs: Step = {
  id: 'root-squashfs',
  title: 'Pack the root',
  needs: [unpackRoot, chosenPackages, overlay, nodeRuntime],
  codeUrl: import.meta.url,
  inputs: async (build) => ({ ...squashfsInputs(build), ...await toolVersions('mksquashfs') }),
  async run({ build, out, result }) {
    const merged = join(out, 'merged')
    await mergeTrees([unpackRoot, chosenPackages, nodeRuntime, overlay].map((step) => join(result(step), 'root')), merged)
    await makeSquashfs(build, merged, join(out, 'root.sqfs'), { packed: false, pseudo: DEVICE_NODES })
    await rm(merged, { recursive: true })
  },
}
