import { decisions } from './decisions.ts'
import { helpVerb } from './help.ts'
import { job, logs, mps, mtop, wait } from './job.ts'
import { key } from './key.ts'
import { leases } from './leases.ts'
import { log } from './log.ts'
import { migrate } from './migrate.ts'
import { mosmon } from './mosmon.ts'
import { mosctl } from './mosctl.ts'
import { net } from './net.ts'
import { netsetup } from './netsetup.ts'
import { nics } from './nics.ts'
import { nodes } from './nodes.ts'
import { run, runon } from './run.ts'
import { serve } from './serve.ts'
import { showmap } from './showmap.ts'
import { setpe } from './setpe.ts'
import { packages } from './packages.ts'
import { pool } from './pool.ts'
import { status } from './status.ts'
import { support } from './support.ts'
import { testmove } from './testmove.ts'
import { tune } from './tune.ts'
import type { Verb } from './verb.ts'
import { version } from './version.ts'
import { watch } from './watch.ts'
import { why } from './why.ts'

const workVerbs: readonly Verb[] = [
  run, runon, job, logs, wait, migrate, testmove, mps, mtop,
  status, nodes, mosmon, watch, mosctl, pool, why, decisions, tune, nics, leases, net, netsetup, packages, log, support, serve, key, showmap, setpe, version,
]

/** Every verb of `plump` on a node, in the order of the help. */
export const VERBS: readonly Verb[] = [...workVerbs, helpVerb(workVerbs)]
