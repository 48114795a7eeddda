import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mergeWishes } from '../kernel/firmware.ts'
import type { Step } from '../pipeline/step.ts'
import { nicModules, type NicReport } from './nic-modules.ts'

/**
 * The firmware that the modules of all kernels ask for. Apart from the step that packs it, so that a further kernel that asks for nothing
 * new costs nothing there. Result: wishes.json (FirmwareWish[]).
 */
export const firmwareWishes: Step = {
  id: 'firmware-wishes',
  title: 'Ask which firmware is needed',
  needs: [],
  needsOfKernel: (name) => [nicModules(name)],
  codeUrl: import.meta.url,
  inputs: () => Promise.resolve({}),
  async run({ build, out, result }) {
    const reports = await Promise.all(build.kernels.map(async (name) => (
      JSON.parse(await readFile(join(result(nicModules(name)), 'report.json'), 'utf8')) as NicReport
    )))
    await writeFile(join(out, 'wishes.json'), `${JSON.stringify(mergeWishes(reports.flatMap(({ firmware }) => firmware)), undefined, 1)}\n`)
  },
}
