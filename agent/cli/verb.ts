import type { ParseArgsOptionsConfig } from 'node:util'

/** Exit codes of the node's programs. */
export const EXIT = { done: 0, failed: 1, usage: 2 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** What a verb works with: its parsed command line, the streams, and the paths of the node's files. */
export interface VerbInput {
  options: Readonly<Record<string, string | boolean | undefined>>
  words: readonly string[]
  /** Writes to stdout, with a line end. */
  print(text: string): void
  socketPath: string
  nodeJsonPath: string
  packagesPath: string
}

/** One verb of `plump` on a node; its file is agent/cli/VERB.ts and its place in the help that in verbs.ts. */
export interface Verb {
  name: string
  /** What stands after the name in the usage line, as in `[-f] [--lines N] [--json]`. */
  usage: string
  /** One line for the list of verbs. */
  summary: string
  /** Full sentences for `plump help VERB`. */
  details: string
  options: Readonly<Record<string, VerbOption>>
  /** How many words it takes besides its options. */
  wordsLimit: number
  /** Its words are a command with options of its own, from the first word that is no option. */
  startsCommand?: boolean
  /** Gives the exit code where it is another than 0. */
  run(input: VerbInput): Promise<void | number>
}

export type VerbOption = ParseArgsOptionsConfig[string] & { help: string }

export const jsonOption: VerbOption = { type: 'boolean', help: 'print JSON for programs' }
