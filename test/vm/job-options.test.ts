import { expect, test } from 'vitest'
import type { LabNode } from '../../builder/lab/lab-node.ts'
import { jobSchema, type Job } from '../../schema/job.ts'
import { idOf, knowsJobs, said } from './support/jobs.ts'
import { until } from './support/until.ts'
import { withLab } from './support/with-lab.ts'

const TEST_LIMIT_MS = 900_000
const STEP_LIMIT_SECONDS = 240
/** Keeps what it reads in memory, up to nearly all of a node. */
const GREEDY = 'tail -c 450000000 /dev/zero'

test('a job goes where its options let it, and nowhere else; Ctrl-C reaches it in the middle of a move; a greedy guest ends before its node does', async () => {
  await withLab({ nodes: 3, medium: 'kernel' }, async (lab) => {
    const [home, second, third] = [lab.node(1), lab.node(2), lab.node(3)]
    await knowsJobs(lab)
    for (const node of lab.nodes) await said(node, 'mosctl stay')
    await goesWhereItMay(home, [await idOf(second), await idOf(third)])
    await ordersFromWhere(home, second, third)
    await sleepsOn(home, await idOf(second))
    await interruptedOnItsWay(home, second)
    await greedyGuest(home, second)
  })
}, TEST_LIMIT_MS)

async function goesWhereItMay(home: LabNode, [second, third]: [number, number]): Promise<void> {
  const locked = /error\[CANTMOVE\]: locked: /
  expect(await refusalOf(home, 'runhome sleep 1000', second)).toMatch(locked)
  expect(await refusalOf(home, 'mosrun -h sleep 1000', second)).toMatch(locked)
  expect(await refusalOf(home, `mosrun --nodes ${third} sleep 1000`, second)).toMatch(locked)
  expect(await refusalOf(home, `mosrun --mask deny:${second} sleep 1000`, second)).toMatch(locked)
  expect((await home.exec(`PLUMP_MASK=deny:${second} runon ${second} true`, { limitSeconds: STEP_LIMIT_SECONDS })).stderr).toMatch(/NODE_NOT_ALLOWED/)
  expect((await home.exec('mosrun mosrun true', { limitSeconds: STEP_LIMIT_SECONDS })).stderr).toMatch(/IN_A_JOB/)

  // That one is left alone by balancing, and goes when somebody says so.
  expect(await refusalOf(home, 'nomig sleep 1000', second)).toBe('')
  expect(await refusalOf(home, `mosrun --nodes ${third} sleep 1000`, third)).toBe('')
  expect(await refusalOf(home, `mosrun --mask deny:${second} sleep 1000`, third)).toBe('')
}

/** Its home and the node that has it move a job, `best` to the one it may run on; another node knows nothing of it. */
async function ordersFromWhere(home: LabNode, second: LabNode, third: LabNode): Promise<void> {
  const ordered = { limitSeconds: STEP_LIMIT_SECONDS }
  const id = (await said(home, `mosrun -b --nodes ${await idOf(third)} sleep 1000 < /dev/null`)).trim()
  const where = async (): Promise<number> => jobSchema.parse(JSON.parse(await said(home, `plump job show ${id} --json`))).node
  await said(home, `plump migrate ${id} best`)
  expect(await where()).toBe(await idOf(third))
  expect((await second.exec(`plump migrate ${id} home`, ordered)).stderr).toMatch(/error\[NO_JOB\]/)
  expect(await where()).toBe(await idOf(third))
  await said(third, `plump migrate ${id} home`)
  expect(await where()).toBe(await idOf(home))
  await said(home, `plump job kill ${id} KILL`)
}

/** Starts it in the background, has it moved and ends it; what the move was refused with, nothing when it moved. */
async function refusalOf(home: LabNode, command: string, to: number): Promise<string> {
  const [program = '', ...rest] = command.split(' ')
  const id = (await said(home, `${program} -b ${rest.join(' ')} < /dev/null`)).trim()
  const { stderr, exitCode } = await home.exec(`plump migrate ${id} ${to}`, { limitSeconds: STEP_LIMIT_SECONDS })
  const { node, state } = jobSchema.parse(JSON.parse(await said(home, `plump job show ${id} --json`)))
  expect({ moved: node === to, state }).toEqual({ moved: exitCode === 0, state: 'running' })
  await said(home, `plump job kill ${id} KILL; plump wait ${id} || true`)
  return exitCode === 0 ? '' : stderr
}

/** What sleeps does so for as long as it was told, wherever it is. */
async function sleepsOn(home: LabNode, to: number): Promise<void> {
  const id = (await said(home, `mosrun -b sh -c 'read -r from _ < /proc/uptime; sleep 30; read -r to _ < /proc/uptime; echo $((\${to%.*} - \${from%.*}))' < /dev/null`)).trim()
  await said(home, `plump migrate ${id} ${to}`)
  await said(home, `plump migrate ${id} home; plump wait ${id}`)
  expect(Number(await said(home, `plump logs ${id}`))).toBeGreaterThanOrEqual(29)
}

/** The user's mosrun gets the signal while the job is on its way; the job has it where it arrives. */
async function interruptedOnItsWay(home: LabNode, to: LabNode): Promise<void> {
  await said(home, `echo 'trap "cat /mfs/here/etc/hostname; exit 42" INT; while :; do :; done' > /tmp/trap`)
  await said(home, `(sh -c 'echo $$ > /tmp/mosrun.pid; exec mosrun sh /tmp/trap' > /tmp/interrupted 2>&1; echo "exit $?" >> /tmp/interrupted) < /dev/null > /dev/null 2>&1 & exit 0`)
  const running = async (): Promise<Job | undefined> => jobSchema.array().parse(JSON.parse(await said(home, 'plump job ls --json'))).find(({ state }) => state === 'running')
  await until('it runs', STEP_LIMIT_SECONDS, async () => await running() !== undefined)
  const id = (await running())?.id ?? ''
  await said(home, `plump migrate ${id} ${await idOf(to)} > /dev/null 2>&1 & exit 0`)
  await said(home, `until plump job show ${id} --json | grep -q '"migrating"'; do usleep 100000; done; kill -INT $(cat /tmp/mosrun.pid)`)
  await until('it has ended', STEP_LIMIT_SECONDS, async () => (await said(home, 'cat /tmp/interrupted')).includes('exit '))
  expect(await said(home, 'cat /tmp/interrupted')).toBe(`${await said(to, 'cat /etc/hostname')}exit 42\n`)
}

/** The kernel ends the guest, whose home says why, and the node it was on notices nothing. */
async function greedyGuest(home: LabNode, node: LabNode): Promise<void> {
  const agents = (): Promise<string> => said(node, 'pidof node; pidof serf')
  const before = await agents()
  const ended = await home.exec(`runon ${await idOf(node)} ${GREEDY} < /dev/null`, { limitSeconds: STEP_LIMIT_SECONDS })
  expect(ended.exitCode).not.toBe(0)
  expect(ended.stderr).toMatch(/memory/)
  expect(await agents()).toBe(before)
  expect(await said(node, 'plump status')).toMatch(/joined/)
}
