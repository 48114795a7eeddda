import { parseArgs } from 'node:util'
import { nearest } from './nearest.ts'
import { UsageError } from './usage-error.ts'
import type { Verb, VerbInput } from './verb.ts'

const helpOption = { type: 'boolean' as const }

/** Parses what stands behind a verb. Throws UsageError naming the nearest option for one it does not know. */
export function parseVerbArgs(verb: Verb, args: readonly string[]): { values: VerbInput['options']; positionals: readonly string[] } {
  const hasShortH = Object.values(verb.options).some(({ short }) => short === 'h')
  const options = { ...verb.options, help: hasShortH ? helpOption : { ...helpOption, short: 'h' } }
  const { own, command } = verb.startsCommand === true ? splitAtCommand(args, verb.options) : { own: args, command: [] }
  try {
    const { values, positionals } = parseArgs({ args: [...own], options, allowPositionals: true })
    const words = [...positionals, ...command]
    const surplus = words[verb.wordsLimit]
    if (surplus !== undefined) throw new UsageError(`plump ${verb.name} does not take "${surplus}"`, `plump help ${verb.name}`)
    return { values: values as VerbInput['options'], positionals: words }
  } catch (error) {
    if (error instanceof UsageError || !(error instanceof TypeError)) throw error
    const typed = /^Unknown option '-*([^']+)'/.exec(error.message)?.[1]
    const meant = typed === undefined ? undefined : nearest(typed, Object.keys(options))
    const message = typed === undefined ? error.message : `plump ${verb.name} has no option "${typed}"`
    throw new UsageError(message, meant === undefined ? `plump help ${verb.name}` : `did you mean: plump ${verb.name} --${meant}`)
  }
}

/** The first word that is no option, or what follows `--`, begins the command: its options are its own. */
export function splitAtCommand(args: readonly string[], options: Verb['options']): { own: readonly string[]; command: readonly string[] } {
  let at = 0
  while (at < args.length) {
    const word = args[at] ?? ''
    if (word === '--') return { own: args.slice(0, at), command: args.slice(at + 1) }
    if (!word.startsWith('-') || word === '-') break
    at += takesNextWord(word, options) ? 2 : 1
  }
  return { own: args.slice(0, at), command: args.slice(at) }
}

/** Whether an option's value is the word behind it: `--memory 1G` and `-m 1G`, not `--memory=1G`, `-m1G` or a flag. */
function takesNextWord(word: string, options: Verb['options']): boolean {
  if (word.startsWith('--')) return !word.includes('=') && options[word.slice(2)]?.type === 'string'
  const letters = word.slice(1).split('')
  const valued = letters.findIndex((letter) => Object.values(options).some(({ short, type }) => short === letter && type === 'string'))
  return valued >= 0 && valued === letters.length - 1
}
