import { summarizeReasons } from '../pipeline/reasons.ts'
import { withoutSmall, type NicFamily } from '../kernel/nic-families.ts'
import type { StepForecast } from './cache-forecast.ts'
import type { Plan } from './plan.ts'

const NAMES_PER_LINE_CHARS = 100

/** A plan for people to read. */
export function describePlan(plan: Plan): string {
  const total = Object.values(plan.expectedBytes).reduce((sum, bytes) => sum + bytes, 0)
  return [
    `plump ${plan.version}`,
    '',
    `Packages (${plan.packages.length}):`,
    ...plan.packages.map((record) => `  ${record.use.padEnd(8)} ${record.name} ${record.version}  ${megabytes(record.sizeBytes)}${record.why === undefined ? '' : `  ${record.why}`}`),
    '',
    ...plan.kernels.flatMap(({ name, kernel, modules, warnings }) => [
      ...warnings.map((warning) => `warning: ${warning}`),
      `Kernel ${name} (${kernel}), modules (${modules.length}):`,
      ...wrap(modules),
      '',
    ]),
    'Network cards by family, modules and firmware:',
    ...withoutSmall(plan.nicFamilies).map(describeFamily),
    '',
    `Firmware in a package (${plan.nics.firmware.length} files):`,
    ...wrap(plan.nics.firmware),
    `Firmware that modules name and no package has (${plan.nics.firmwareMissing.length} modules):`,
    ...wrap(plan.nics.firmwareMissing.map(({ module, firmware }) => `${module}: ${firmware.join(' ')};`)),
    '',
    `Expected size of the ISO: about ${megabytes(total)}`,
    ...Object.entries(plan.expectedBytes).toSorted(([, a], [, b]) => b - a).map(([cause, bytes]) => `  ${megabytes(bytes).padStart(9)}  ${cause}`),
    '',
    'Steps:',
    ...plan.steps.map(describeStep),
    '',
  ].join('\n')
}

function describeFamily({ family, modules, moduleBytes, firmwareBytes }: NicFamily): string {
  const count = modules.length === 1 ? '1 module' : `${modules.length} modules`
  const firmware = firmwareBytes === 0 ? '' : `, ${megabytes(firmwareBytes)} of firmware`
  return `  ${megabytes(moduleBytes + firmwareBytes).padStart(9)}  ${family} (${count}${firmware})`
}

function describeStep({ id, state, reasons, lastSeconds }: StepForecast): string {
  const time = lastSeconds === undefined || state === 'cached' ? '' : ` (${lastSeconds.toFixed(1)} s the last time)`
  const what = { cached: 'from the cache', runs: `runs: ${summarizeReasons(reasons)}`, depends: `runs ${summarizeReasons(reasons)}` }[state]
  return `  ${id.padEnd(18)} ${what}${time}`
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}

function wrap(names: readonly string[]): string[] {
  if (names.length === 0) return ['  none']
  const lines: string[] = []
  let line = ''
  for (const name of names) {
    if (line !== '' && line.length + name.length >= NAMES_PER_LINE_CHARS) {
      lines.push(`  ${line}`)
      line = ''
    }
    line += `${line === '' ? '' : ' '}${name}`
  }
  return [...lines, `  ${line}`]
}
