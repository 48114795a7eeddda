import type { Command } from 'commander'

/** docs/reference/cli.md, generated from the commander program that `./plump` runs. */
export function cliPage(program: Command): string {
  const verbs = program.commands.filter((command) => command.name() !== 'help')
  return [
    '# ./plump',
    '',
    'Results go to stdout, progress to stderr. Exit codes: 0 done, 1 a step failed, 2 wrong usage or configuration, 3 a tool is missing,',
    '4 a boot or test failed, 130 interrupted.',
    '',
    ...verbs.flatMap((verb) => verbSection(verb, program.name())),
  ].join('\n')
}

function verbSection(command: Command, parent: string): string[] {
  const name = `${parent} ${command.name()}`
  const inner = command.commands.filter((sub) => sub.name() !== 'help')
  const heading = parent.includes(' ') ? '###' : '##'
  return [
    `${heading} ${name}`,
    '',
    command.description(),
    '',
    ...(inner.length === 0 ? [`    ${name} ${command.usage()}`.trimEnd(), ''] : []),
    ...optionTable(command),
    ...inner.flatMap((sub) => verbSection(sub, name)),
  ]
}

function optionTable(command: Command): string[] {
  const rows = [
    ...command.registeredArguments.map((argument) => [argument.name(), argument.description, argument.defaultValue] as const),
    ...command.options.filter((option) => !option.hidden).map((option) => [option.flags, option.description, option.defaultValue] as const),
  ]
  if (rows.length === 0) return []
  return ['| option | meaning | default |', '|---|---|---|', ...rows.map(([flags, text, value]) => `| \`${flags.replace(/\|/g, '\\|')}\` | ${text.replace(/\|/g, '\\|')} | ${value === undefined ? '' : `\`${String(value)}\``} |`), '']
}
