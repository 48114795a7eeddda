import type { PlumpYaml } from '../../schema/plump-yaml.ts'
import { EXIT, PlumpError } from '../errors.ts'

/** Throws CONFIG (exit code 2) when the menu is to start a kernel that the image does not have; `kernels` are those it has. */
export function checkKernels(config: PlumpYaml, kernels: readonly string[]): void {
  if (kernels.includes(config.kernels.default)) return
  throw new PlumpError('CONFIG', `kernels.default: the image has no kernel "${config.kernels.default}", so the boot menu could not start it`, {
    fix: `name one that it has in plump.yaml: ${kernels.join(', ')}`, exitCode: EXIT.usage,
  })
}
