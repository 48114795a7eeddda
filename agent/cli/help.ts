import type { VerbList } from '../../schema/api.ts'
import { formatTable } from './table.ts'
import { UsageError } from './usage-error.ts'
import { jsonOption } from './verb.ts'
import type { Verb } from './verb.ts'
import { nearest } from './nearest.ts'

/** `plump help`: made from the other verbs, so that none can be missing in it. */
export function helpVerb(others: readonly Verb[]): Verb {
  const help: Verb = {
    name: 'help',
    usage: '[VERB] [--json]',
    summary: 'the verbs, or one of them in full',
    details: 'Lists the verbs; with a VERB, tells its options.',
    options: { json: jsonOption },
    wordsLimit: 1,
    async run({ options, words, print }) {
      const [name] = words
      const verbs = [...others, help]
      if (options.json === true) return print(JSON.stringify(describeVerbs(name === undefined ? verbs : [findVerb(verbs, name)]), null, 2))
      print(name === undefined ? formatVerbList(verbs) : formatVerbHelp(findVerb(verbs, name)))
    },
  }
  return help
}

/** The verb called `name`. Throws UsageError naming the nearest one. */
export function findVerb(verbs: readonly Verb[], name: string): Verb {
  const found = verbs.find((verb) => verb.name === name)
  if (found !== undefined) return found
  const meant = nearest(name, verbs.map((verb) => verb.name))
  throw new UsageError(`plump has no verb "${name}"`, meant === undefined ? 'plump help lists the verbs' : `did you mean: plump ${meant}`)
}

function describeVerbs(verbs: readonly Verb[]): VerbList {
  return verbs.map(({ name, usage, summary, details, options }) => ({
    name, usage, summary, details, options: Object.fromEntries(Object.entries(options).map(([option, { help }]) => [option, help])),
  }))
}

/** What `plump` and `plump help` print. */
function formatVerbList(verbs: readonly Verb[]): string {
  const list = formatTable(['', 'VERB', ''], verbs.map((verb) => ['', verb.name, verb.summary]))
  const closing = 'plump help VERB tells more; --json on a verb prints JSON for programs.'
  return ['plump: this node of the cluster', '', 'usage: plump VERB [OPTIONS]', '', list, '', closing].join('\n')
}

/** What `plump help VERB` and `plump VERB --help` print. */
export function formatVerbHelp(verb: Verb): string {
  const options = Object.entries(verb.options).map(([name, option]) => {
    const short = option.short === undefined ? '' : `-${option.short}, `
    const flags = `${short}--${name}${option.type === 'string' ? ` ${name.toUpperCase()}` : ''}`
    return `  ${flags.padEnd(20)}  ${option.help}`
  })
  return [`usage: plump ${verb.name} ${verb.usage}`.trimEnd(), '', verb.details, ...(options.length === 0 ? [] : ['', ...options])].join('\n')
}
