import { runProgram } from './dispatch.ts'
import { run, runon } from './run.ts'

/**
 * The programs that start a job, by the names they have had since openMosix: `node mosrun.cjs CALLEDNAME ARGS…`. They are verbs of `plump`, too; here they stand
 * alone, since all that is loaded before a job can start makes each job slower.
 */
runProgram([run, runon], process.argv.slice(2))
