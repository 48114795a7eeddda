import type { PlumpYaml } from '../../schema/plump-yaml.ts'

/**
 * What plump.yaml says of the image, with all defaults. Where things lie on the build machine and which mirror it asks are left out: they are
 * no matter of the image, and two machines that build the same are to get the same bytes.
 */
export function imageSettings(config: PlumpYaml): Record<string, unknown> {
  const { base, kernels: { folder: _kernels, ...kernels }, packages: { folder: _packages, ...packages }, ...others } = config
  return { ...others, base: { suite: base.suite }, kernels, packages }
}
