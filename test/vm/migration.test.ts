import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { loadProgram } from '../../builder/bench/load-program.ts'
import type { Lab } from '../../builder/lab/lab.ts'
import type { LabNode } from '../../builder/lab/lab-node.ts'
import { jobSchema, type Job } from '../../schema/job.ts'
import { migrationReportSchema } from '../../schema/migration.ts'
import { idOf, knowsJobs, said } from './support/jobs.ts'
import { until } from './support/until.ts'
import { members, withLab } from './support/with-lab.ts'

const STEP_LIMIT_SECONDS = 120
const MOVES = 4
/** Writes numbered lines as fast as it can count to 10,000 between them, until it sees the file; the last line says how many there were. */
const COUNTER = `BEGIN {
  while ((getline line < "/tmp/enough") < 0) {
    print ++written; fflush()
    for (i = 0; i < 10000; i++) sum += i
  }
  print "end " written
}`

test('a job moves there and back while it writes and loses no line; a move to nowhere is refused and the job goes on; it is not moved, and a signal waits, as it lands; one that writes much is held back while it is copied; an agent that starts anew gives an unfinished move up', async () => {
  await withLab({ nodes: 2, medium: 'kernel' }, async (lab) => {
    await knowsJobs(lab)
    const [home, guest] = [lab.node(1), lab.node(2)]
    const [homeId, guestId] = [await idOf(home), await idOf(guest)]
    const id = (await said(home, `mosrun --nomig -b awk '${COUNTER}'`)).trim()
    await linesBeyond(home, id, 0)

    await refusedMove(lab, id, [homeId, guestId])
    for (let move = 1; move <= MOVES; move++) {
      const [from, to] = move % 2 === 1 ? [home, guestId] : [guest, homeId]
      const before = await lines(home, id)
      const report = migrationReportSchema.parse(JSON.parse(await said(from, `plump migrate ${id} ${move === 2 ? 'home' : to} --json`)))
      expect(report).toMatchObject({ job: id, to })
      expect(await shown(home, id)).toMatchObject({ node: to, state: 'running', migrations: move })
      await linesBeyond(home, id, before)
      await until('the images are dropped', STEP_LIMIT_SECONDS, async () => (await Promise.all(lab.nodes.map((node) => node.exec('find /run/plump/moves -name "pages-*"')))).every(({ stdout }) => stdout === ''))
    }

    await said(home, `touch /tmp/enough`)
    expect((await home.exec(`plump wait ${id}`, { limitSeconds: STEP_LIMIT_SECONDS })).exitCode).toBe(0)
    const output = (await said(home, `plump logs ${id}`)).trimEnd().split('\n')
    const written = output.length - 1
    expect(output).toEqual([...Array.from({ length: written }, (_, index) => String(index + 1)), `end ${written}`])

    await signalAsItLands(lab, guestId)
    await heldBack(lab, guestId)
    await agentEndsDuringMove(lab, guestId)
  })
})

/**
 * When home has given the job to its next node, and criu there has not let it go on yet: the job is not moved again until then, which would have the first criu give up and end it; a
 * signal is held back until then, and ends the job.
 */
async function signalAsItLands(lab: Lab, guestId: number): Promise<void> {
  const [home, guest] = [lab.node(1), lab.node(2)]
  const hold = '/run/plump/hold-move/taking-over'
  const id = (await said(home, 'mosrun --nomig -b sleep 100000')).trim()
  await said(guest, `mkdir -p ${dirname(hold)} && touch ${hold}`)
  await said(home, `plump migrate ${id} ${guestId} > /run/move.txt 2>&1 & exit 0`)
  await until('the job lands', STEP_LIMIT_SECONDS, async () => (await guest.exec(`test -e ${hold}.reached`)).exitCode === 0)
  const early = await guest.exec(`plump migrate ${id} home`, { limitSeconds: STEP_LIMIT_SECONDS })
  expect(`${early.exitCode} ${early.stderr}`).toMatch(/^1 error\[BUSY\]: job \S+ has only just come here/)
  await said(home, `plump job kill ${id} KILL`)
  await said(guest, `rm ${hold} ${hold}.reached`)
  await until('it has ended', STEP_LIMIT_SECONDS, async () => (await shown(home, id)).outcome !== undefined)
  expect((await shown(home, id)).outcome).toEqual({ signal: 9 })
}

/** A job that writes faster than the wire carries runs slowly while it is copied, so that it does not stand long; afterwards it has all the CPU it wants. */
async function heldBack(lab: Lab, guestId: number): Promise<void> {
  const [home, guest] = [lab.node(1), lab.node(2)]
  const hold = '/run/plump/hold-move/copying'
  const program = loadProgram({ bytes: 16 * 1024 * 1024, dirtyBytesPerSecond: 100_000_000 })
  for (const node of [home, guest]) await said(node, `echo ${program.toString('base64')} | base64 -d > /tmp/writer; chmod 755 /tmp/writer`)
  const id = (await said(home, 'mosrun --nomig -b /tmp/writer')).trim()
  await said(home, `mkdir -p ${dirname(hold)} && touch ${hold}`)
  await said(home, `plump migrate ${id} ${guestId} > /run/move.txt 2>&1 & exit 0`)
  await until('it is copied', STEP_LIMIT_SECONDS, async () => (await home.exec(`test -e ${hold}.reached`)).exitCode === 0)
  const limit = async (node: LabNode, kind: string): Promise<string> => (await said(node, `cat /sys/fs/cgroup/plump/${kind}/${id}/cpu.max`)).trim()
  expect(await limit(home, 'own')).toMatch(/^\d+ \d+$/)
  await said(home, `rm ${hold} ${hold}.reached`)
  await until('it is there', STEP_LIMIT_SECONDS, async () => (await shown(home, id)).node === guestId)
  expect(await limit(guest, 'guests')).toBe('max 100000')
  expect(await said(home, 'cat /run/move.txt')).toContain('held back to 1 % of its CPU')
  await said(home, `plump job kill ${id} KILL`)
}

/** The agent of the source ends while it copies, and starts anew: the job goes on here, nothing of it is left there, and it can be moved then. */
async function agentEndsDuringMove(lab: Lab, guestId: number): Promise<void> {
  const [home, guest] = [lab.node(1), lab.node(2)]
  await said(home, 'rm /tmp/enough')
  const id = (await said(home, `mosrun --nomig -b awk '${COUNTER}'`)).trim()
  await linesBeyond(home, id, 0)
  await home.exec(`plump migrate ${id} ${guestId} >/dev/null 2>&1 & until grep moving /run/plump/jobs/${id}/copy.json; do sleep 0.02; done; kill -KILL $(pidof node)`, { limitSeconds: STEP_LIMIT_SECONDS })
  await until('the agent has given the move up', STEP_LIMIT_SECONDS, async () => (await home.exec(`grep running /run/plump/jobs/${id}/copy.json && plump job show ${id}`)).exitCode === 0)
  expect(await shown(home, id)).toMatchObject({ state: 'running', migrations: 0 })
  await linesBeyond(home, id, await lines(home, id))
  await until('the target has dropped its copy', STEP_LIMIT_SECONDS, async () => (await guest.exec(`[ -e /sys/fs/cgroup/plump/guests/${id} ]`)).exitCode !== 0)
  await until('the mesh has the guest again', STEP_LIMIT_SECONDS, async () => (await members(home)).some((member) => member.id === guestId && member.state === 'alive'))
  await said(home, `plump migrate ${id} ${guestId}`)
  expect(await shown(home, id)).toMatchObject({ node: guestId, state: 'running', migrations: 1 })
}

/** A node that does not exist. */
async function refusedMove(lab: Lab, id: string, taken: readonly number[]): Promise<void> {
  const home = lab.node(1)
  const nobody = [77, 78, 79].find((each) => !taken.includes(each)) ?? 0
  const before = await lines(home, id)
  const refused = await home.exec(`plump migrate ${id} ${nobody}`, { limitSeconds: STEP_LIMIT_SECONDS })
  expect(refused.exitCode).not.toBe(0)
  expect(refused.stderr).toMatch(new RegExp(`node ${nobody} [^]*fix: `))
  expect(await shown(home, id)).toMatchObject({ state: 'running', migrations: 0 })
  await linesBeyond(home, id, before)
}

async function linesBeyond(home: LabNode, id: string, count: number): Promise<void> {
  await until(`job ${id} writes on beyond line ${count}`, STEP_LIMIT_SECONDS, async () => (await lines(home, id)) > count)
}

async function lines(home: LabNode, id: string): Promise<number> {
  return Number(await said(home, `plump logs ${id} | wc -l`))
}

async function shown(home: LabNode, id: string): Promise<Job> {
  return jobSchema.parse(JSON.parse(await said(home, `plump job show ${id} --json`)))
}
