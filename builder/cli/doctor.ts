import { Option, type Command } from 'commander'
import { EXIT, PlumpError } from '../errors.ts'
import { ensureSystemPath, installCommand, installMissing } from '../doctor/ensure-tools.ts'
import { examine, missingPackages, type Finding } from '../doctor/examine.ts'
import { NEEDS, type Need } from '../doctor/tools.ts'
import { interruption } from '../os/interruption.ts'

interface Options {
  for?: Need
  fix?: boolean
  json?: boolean
}

export function registerDoctor(program: Command): void {
  program.command('doctor')
    .description('Tell which host tools are missing and what each is for; --fix installs them.')
    .option('--fix', 'install what is missing with apt, as root or with passwordless sudo')
    .addOption(new Option('--for <purpose>', 'look only at what this needs').choices(NEEDS))
    .option('--json', 'print the findings as JSON')
    .action(doctor)
}

async function doctor(options: Options): Promise<void> {
  ensureSystemPath()
  const needs = options.for === undefined ? NEEDS : [options.for]
  const before = await examine(needs)
  if (options.fix) await installMissing(before, needs, { signal: interruption() })
  const findings = options.fix ? await examine(needs) : before
  process.stdout.write(options.json ? `${JSON.stringify(findings.map(toJson), undefined, 2)}\n` : findingsTable(findings))
  const packages = missingPackages(findings)
  if (packages.length === 0) return
  throw new PlumpError('TOOL_MISSING', `${packages.length} package${packages.length === 1 ? ' is' : 's are'} missing: ${packages.join(', ')}`, {
    fix: `./plump doctor --fix, or: ${installCommand(packages)}`, exitCode: EXIT.toolMissing,
  })
}

function toJson({ tool, present }: Finding): object {
  return { name: tool.name, present, package: tool.package, why: tool.why, neededBy: tool.neededBy }
}

/** One line per tool: whether it is there, its name, its package, what it is for. */
export function findingsTable(findings: readonly Finding[]): string {
  const nameWidth = Math.max(...findings.map(({ tool }) => tool.name.length))
  const packageWidth = Math.max(...findings.map(({ tool }) => tool.package.length))
  return findings.map(({ tool, present }) => [
    present ? 'ok     ' : 'MISSING', tool.name.padEnd(nameWidth), tool.package.padEnd(packageWidth), `${tool.why} (${tool.neededBy.join(', ')})`,
  ].join('  ')).map((line) => `${line}\n`).join('')
}
