import { expect, test } from 'vitest'
import type { Lab } from '../../builder/lab/lab.ts'
import type { LabNode } from '../../builder/lab/lab-node.ts'
import { jobSchema, type Job } from '../../schema/job.ts'
import { idOf, knowsJobs, said } from './support/jobs.ts'
import { until } from './support/until.ts'
import { members, withLab } from './support/with-lab.ts'

const TEST_LIMIT_MS = 1_800_000
const STEP_LIMIT_SECONDS = 240
const HOLD_FOLDER = '/run/plump/hold-move'
const COUNT = `BEGIN { while ((getline line < "/tmp/enough") < 0) { print ++n; fflush(); for (i = 0; i < 50000; i++) sum += i } }`

/** Home, where the job comes from, and where it is to go: three nodes. */
interface Stage {
  lab: Lab
  home: LabNode
  source: LabNode
  target: LabNode
  id: string
  /** Ids of the nodes, by their number: an agent that has just ended does not tell them. */
  ids: ReadonlyMap<number, number>
}

test('whatever ends in the middle of a move, exactly one copy of the job goes on, or none and its home says why', async () => {
  await withLab({ nodes: 3, medium: 'kernel' }, async (lab) => {
    await knowsJobs(lab)
    const [home, second, third] = [lab.node(1), lab.node(2), lab.node(3)]
    const ids = new Map(await Promise.all(lab.nodes.map(async (node) => [node.number, await idOf(node)] as const)))
    const id = (await said(home, `mosrun --nomig -b awk '${COUNT}'`)).trim()
    await said(home, `plump migrate ${id} ${ids.get(2)}`)
    // Its record goes away with the next end of the agent there: to home it only falls silent.
    const dropped = (await said(home, `mosrun --nomig -b --on ${ids.get(2)} sleep 100000`)).trim()
    await said(second, `rm /run/plump/jobs/${dropped}/held.json`)

    const there = { lab, home, source: second, target: third, id, ids }
    const back = { lab, home, source: third, target: second, id, ids }
    await endsAgent(there, { of: 'source', when: 'committing', where: 'source', staysOn: second })
    await endsAgent(there, { of: 'source', when: 'committed', where: 'source', staysOn: third })
    await endsAgent(back, { of: 'target', when: 'restored', where: 'target', staysOn: third })
    await endsAgent(back, { of: 'target', when: 'taking-over', where: 'target', staysOn: second })
    await endsAgent(there, { of: 'home', when: 'restored', where: 'target', staysOn: third })

    await fullTarget(back)
    await losesPower(back, { of: 'target', when: 'restored', where: 'target' })
    await onlyOn(back, third, [home, third])
    await second.start()
    await cutOff(back)
    await until('home knows that its holder has it no more', STEP_LIMIT_SECONDS, async () => (await shown(home, dropped)).outcome !== undefined)
    expect((await shown(home, dropped)).outcome).toEqual({ lost: expect.stringContaining(`node ${ids.get(2)}, which held it`) as string })
    await losesSource(back)
    await losesHome(there)
  })
}, TEST_LIMIT_MS)

interface Crash {
  of: 'home' | 'source' | 'target'
  /** The phase at which the node `where` stands still. */
  when: string
  where: 'source' | 'target'
}

/** The agent ends and init starts it anew. */
async function endsAgent(stage: Stage, crash: Crash & { staysOn: LabNode }): Promise<void> {
  await moveUntil(stage, crash)
  await stage[crash.of].exec(`for p in $(pidof node); do tr '\\0' ' ' < /proc/$p/cmdline | grep -q agent.cjs && kill -KILL $p; done; true`)
  await letGo(stage[crash.where], crash.when)
  await onlyOn(stage, crash.staysOn)
  await knowsJobs(stage.lab)
}

async function losesPower(stage: Stage, crash: Crash): Promise<void> {
  await moveUntil(stage, crash)
  await stage[crash.of].kill()
}

/** The target has room for the job by its own count, but none for its pages. */
async function fullTarget(stage: Stage): Promise<void> {
  const { home, target, source, id, ids } = stage
  await said(target, 'mkdir -p /run/plump/moves && mount -t tmpfs -o size=64k tmpfs /run/plump/moves')
  const refused = await home.exec(`plump migrate ${id} ${ids.get(target.number)}`, { limitSeconds: STEP_LIMIT_SECONDS })
  expect(`${refused.exitCode} ${refused.stderr}`).toMatch(/^1 [^]*error\[[A-Z_]+\]: [^]*fix: /)
  await onlyOn(stage, source)
  await said(target, 'umount -l /run/plump/moves')
}

/** The wire to the target is cut while pages go over it. */
async function cutOff(stage: Stage): Promise<void> {
  const { home, source, target } = stage
  await knowsJobs(stage.lab)
  await moveUntil(stage, { of: 'target', when: 'copying', where: 'source' })
  await target.cut({})
  await letGo(source, 'copying')
  await until('the members know', STEP_LIMIT_SECONDS, async () => (await members(home)).some(({ state }) => state === 'failed'))
  await onlyOn(stage, source, [home, source])
  await target.heal({})
  await knowsJobs(stage.lab)
}

/** The holder loses its power before home has given the job away: nobody has it any more, and home says so. */
async function losesSource(stage: Stage): Promise<void> {
  const { home, source, target, id, ids } = stage
  await losesPower(stage, { of: 'source', when: 'committing', where: 'source' })
  await until('home knows that it is lost', STEP_LIMIT_SECONDS, async () => (await shown(home, id)).outcome !== undefined)
  expect((await shown(home, id)).outcome).toEqual({ lost: expect.stringContaining(`node ${ids.get(source.number)}`) as string })
  await until('the target has dropped its copy', STEP_LIMIT_SECONDS, async () => await processes(target, id) === 0)
}

/** Home loses its power: its guests elsewhere end. */
async function losesHome({ home, source, lab, ids }: Stage): Promise<void> {
  await until('both are in the mesh', STEP_LIMIT_SECONDS, async () => (await home.exec(`ls /mfs/${ids.get(source.number)}/usr`)).exitCode === 0)
  const id = (await said(home, `mosrun --nomig -b awk '${COUNT}'`)).trim()
  await said(home, `plump migrate ${id} ${ids.get(source.number)}`)
  expect(await processes(source, id)).toBeGreaterThan(0)
  await lab.node(1).kill()
  await until('its guest has ended', STEP_LIMIT_SECONDS, async () => await processes(source, id) === 0)
}

/** Starts the move and waits until it stands still at the phase. */
async function moveUntil({ home, target, source, id, ids }: Stage, { when, where }: Crash): Promise<void> {
  const node = where === 'source' ? source : target
  await said(node, `mkdir -p ${HOLD_FOLDER} && touch ${HOLD_FOLDER}/${when}`)
  await said(home, `plump migrate ${id} ${ids.get(target.number)} > /run/move.txt 2>&1 & exit 0`)
  await until(`the move stands at ${when}`, STEP_LIMIT_SECONDS, async () => (await node.exec(`test -e ${HOLD_FOLDER}/${when}.reached`)).exitCode === 0)
}

async function letGo(node: LabNode, phase: string): Promise<void> {
  await said(node, `rm -f ${HOLD_FOLDER}/${phase} ${HOLD_FOLDER}/${phase}.reached`)
}

/** The job runs on that node, by what home says and by its processes, on no other of those that answer, and has lost and doubled no line. */
async function onlyOn({ lab, home, id, ids }: Stage, node: LabNode, seen: readonly LabNode[] = lab.nodes): Promise<void> {
  const nodeId = ids.get(node.number) ?? 0
  await until(`job ${id} runs on node ${nodeId} only`, STEP_LIMIT_SECONDS, async () => {
    const job = await shown(home, id).catch(() => undefined)
    const counts = await Promise.all(seen.map((each) => processes(each, id)))
    return job?.node === nodeId && job.state === 'running' && counts.every((count, index) => (seen[index]?.number === node.number) === (count > 0))
  })
  const lines = async (): Promise<string[]> => (await said(home, `plump logs ${id}`)).trimEnd().split('\n')
  const before = (await lines()).length
  await until(`job ${id} writes on`, STEP_LIMIT_SECONDS, async () => (await lines()).length > before)
  const written = await lines()
  expect(written).toEqual(written.map((_, index) => String(index + 1)))
}

async function processes(node: LabNode, id: string): Promise<number> {
  return Number(await said(node, `cat /sys/fs/cgroup/plump/*/${id}/cgroup.procs 2>/dev/null | wc -l`))
}

async function shown(home: LabNode, id: string): Promise<Job> {
  return jobSchema.parse(JSON.parse(await said(home, `plump job show ${id} --json`)))
}
