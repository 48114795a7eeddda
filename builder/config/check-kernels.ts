import type { PlumpYaml } from '../../schema/plump-yaml.ts'
import { EXIT, PlumpError } from '../errors.ts'

/** Throws CONFIG (exit code 2) when plump.yaml names a kernel that the image does not have; `kernels` are those it has. */
export function checkKernels(config: PlumpYaml, kernels: readonly string[]): void {
  const problems = [
    ...kernels.includes(config.kernels.default) ? [] : [`kernels.default: the image has no kernel "${config.kernels.default}", so the boot menu could not start it`],
    ...Object.keys(config.kernels.byName).filter((name) => !kernels.includes(name)).map((name) => `kernels.byName: the image has no kernel "${name}"`),
  ]
  if (problems.length === 0) return
  throw new PlumpError('CONFIG', problems.join('\n'), {
    fix: `name those that it has in plump.yaml: ${kernels.join(', ')}; ./plump kernel add puts another one in`, exitCode: EXIT.usage,
  })
}
