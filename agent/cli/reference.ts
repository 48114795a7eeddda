import { formatVerbHelp } from './help.ts'
import type { Verb } from './verb.ts'

/** docs/reference/node-cli.md, made from the same table as `plump help`. */
export function formatReference(verbs: readonly Verb[], seedNames: Readonly<Record<string, string>>): string {
  const sections = verbs.map((verb) => `## plump ${verb.name}\n\n${capital(verb.summary)}.\n\n\`\`\`\n${formatVerbHelp(verb)}\n\`\`\``)
  const names = Object.entries(seedNames).map(([name, verb]) => `- \`${name}\` is \`plump ${verb}\``)
  return `${[
    '# `plump` on a node',
    'Every node has the command `plump`. It talks to the node\'s agent over `/run/plump/agent.sock`, so it is for root.',
    'Results go to stdout, errors to stderr, each with the way out (`fix:`). Exit codes: 0 done, 1 failed, 2 wrong usage.',
    ...sections,
    '## Names from openMosix',
    names.join('\n'),
  ].join('\n\n')}\n`
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
