import { runProgram } from './dispatch.ts'
import { VERBS } from './verbs.ts'

/** The node's `plump`: `node cli.cjs CALLEDNAME ARGS…`. */
runProgram(VERBS, process.argv.slice(2))
