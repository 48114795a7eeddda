import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Lab, LabOptions } from '../../builder/lab/lab.ts'
import type { LabNode } from '../../builder/lab/lab-node.ts'
import { PROJECT_FOLDER } from '../../builder/version.ts'
import { jobSchema, type Job } from '../../schema/job.ts'
import { meshAddress } from '../../schema/mesh-address.ts'
import { migrationReportSchema, testMoveReportSchema } from '../../schema/migration.ts'
import { PEER_PORT } from '../../schema/peer.ts'
import { until } from './support/until.ts'
import { buildVariant } from './support/variant.ts'
import { idOf, knowsJobs, said } from './support/jobs.ts'
import { withLab } from './support/with-lab.ts'

const TEST_LIMIT_MS = 1_800_000
const STEP_LIMIT_SECONDS = 600
const FIXTURES = join(PROJECT_FOLDER, 'test/fixtures/jobs')
const PROGRAMS = ['counter.mjs', 'files.py', 'locks-are-held.py', 'memory.py', 'refused.py', 'shared.py', 'threads.py', 'writer.py']
const COUNT = `BEGIN { while ((getline line < ENVIRON["ENOUGH"]) < 0) { print ++n; fflush(); for (i = 0; i < 50000; i++) sum += i } print "whole" }`

/** Every kind of program that moves for certain. All end with the line `whole` when they saw no harm. */
const KINDS: Record<string, string> = {
  'python with 200 MB': 'python3 /tmp/memory.py',
  'files open, appended, locked and deleted': 'python3 /tmp/files.py',
  'the awk loop': `awk '${COUNT}'`,
  'a pipeline of three': `sh -c 'awk '\\''${COUNT}'\\'' | awk '\\''{ print "." $0; fflush() }'\\'' | awk '\\''{ print substr($0, 2); fflush() }'\\'''`,
  'threads': 'python3 /tmp/threads.py',
  'a Node program with a worker': 'node /tmp/counter.mjs',
  'memory shared between parent and child': 'python3 /tmp/shared.py',
  'a process in the middle of a file of 100 MB': 'python3 /tmp/writer.py',
}

test('programs of every kind go from home to a second node, on to a third and home again, and none takes harm; what cannot move is refused with its code and goes on', async () => {
  const iso = await buildVariant('job-kinds', 'packages:\n  debian: [python3]\n', {}, ['--fast'])
  const options: LabOptions = { medium: 'kernel', memoryMiB: 1024, iso }
  // Home's processor lacks something that the others have: what was started there can come back, what was started elsewhere cannot go there.
  await withLab({ ...options, nodes: 1, cpu: 'max,-erms,-avx2' }, async (lab) => {
    for (let more = 0; more < 2; more++) await lab.add(options)
    const home = lab.node(1)
    await knowsJobs(lab)
    for (const name of PROGRAMS) await said(home, `echo ${(await readFile(join(FIXTURES, name))).toString('base64')} | base64 -d > /tmp/${name}`)
    await refusals(lab)
    await refusalOfProcessor(lab)
    await orderOfStranger(lab)
    await journeys(lab)
  })
}, TEST_LIMIT_MS)

async function refusals(lab: Lab): Promise<void> {
  const home = lab.node(1)
  const other = await idOf(lab.node(2))
  // Nodes do not let anybody make one; this one does, to see what becomes of such a job.
  await said(home, 'sysctl -w kernel.io_uring_disabled=0')
  const causes = Object.entries({ io_uring: '', device: '', tcp: `${meshAddress(other)} 2049`, listening: '', traced: '' })
  const jobs = await Promise.all(causes.map(async ([code, words]) => ({ code, id: (await said(home, `ENOUGH=/tmp/enough mosrun --nomig -b python3 /tmp/refused.py ${code} ${words}`)).trim() })))
  for (const { code, id } of jobs) {
    await until(`job ${id} has its ${code}`, STEP_LIMIT_SECONDS, async () => (await said(home, `plump logs ${id}`)).startsWith(code))
    for (const verb of [`migrate ${id} ${other}`, `testmove ${id}`]) {
      const refused = await home.exec(`plump ${verb}`, { limitSeconds: STEP_LIMIT_SECONDS })
      expect(`${refused.exitCode} ${refused.stderr}`).toMatch(new RegExp(String.raw`^1 error\[CANTMOVE\]: ${code}: [^]*fix: `))
    }
    await until('the list of jobs says so', STEP_LIMIT_SECONDS, async () => (await shown(home, id)).cantmove?.code === code)
    await goesOn(home, id)
  }
  const listed = await said(home, 'mps')
  for (const { code, id } of jobs) expect(listed).toMatch(new RegExp(String.raw`^${id} .* ${code} +python3`, 'm'))
  for (const { id } of jobs) await said(home, `plump job kill ${id} KILL`)
  await said(home, 'sysctl -w kernel.io_uring_disabled=2')
}

async function refusalOfProcessor(lab: Lab): Promise<void> {
  const [home, second] = [lab.node(1), lab.node(2)]
  const id = (await said(second, `mosrun --nomig -b sleep 1000`)).trim()
  const refused = await second.exec(`plump migrate ${id} ${await idOf(home)}`, { limitSeconds: STEP_LIMIT_SECONDS })
  expect(`${refused.exitCode} ${refused.stderr}`).toMatch(/^1 error\[CANTMOVE\]: cpu: [^]*it lacks avx2/)
  expect(await shown(second, id)).toMatchObject({ state: 'running', migrations: 0, node: await idOf(second) })
  await said(second, `plump job kill ${id} KILL`)
}

/** A node that is neither the home of a job nor holds it has no say in where it goes. */
async function orderOfStranger(lab: Lab): Promise<void> {
  const [second, third] = [lab.node(2), lab.node(3)]
  const [secondId, thirdId] = [await idOf(second), await idOf(third)]
  const job = (await said(second, `mosrun --nomig -b sleep 1000`)).trim()
  for (const [channel, request] of [['migrate-order', { job, to: thirdId }], ['migrate-test', { job }]] as const) {
    const answer = await said(third, `echo '${JSON.stringify({ channel, request })}' | nc ${meshAddress(secondId)} ${PEER_PORT}`)
    expect(JSON.parse(answer)).toMatchObject({ error: { code: 'NOT_YOUR_JOB' } })
  }
  expect(await shown(second, job)).toMatchObject({ state: 'running', migrations: 0, node: secondId })
  await said(second, `plump job kill ${job} KILL`)
}

/** Each job is started when the one before it has left home, so that each node gets one job and gives one away at a time, and ends when it is home again. */
async function journeys(lab: Lab): Promise<void> {
  const home = lab.node(1)
  const stages = [await idOf(lab.node(2)), await idOf(lab.node(3)), 'home'] as const
  const kinds = Object.entries(KINDS)
  const jobs = new Map<string, string>()
  for (let step = 0; step < kinds.length + stages.length - 1; step++) {
    await Promise.all(kinds.map(async ([kind, command], index) => {
      const to = stages[step - index]
      if (to === undefined) return
      const id = jobs.get(kind) ?? await started(home, command, index)
      jobs.set(kind, id)
      await move(home, id, to)
      await goesOn(home, id)
      if (command.includes('files.py')) expect(await said(home, 'python3 /tmp/locks-are-held.py')).toBe('held\n')
      if (to === 'home') await endsWhole(home, [kind, id], `/tmp/enough-${index}`)
    }))
  }
  // The content of the file, told by another program than its writer.
  const sum = await said(home, `node -e 'const { createHash } = require("node:crypto"); const all = createHash("sha256"); for (let n = 0; n < 1600; n++) for (let d = createHash("sha256").update(String(n)).digest(), i = 0; i < 2048; i++) all.update(d); console.log(all.digest("hex"))'`)
  expect((await said(home, 'sha256sum /tmp/written')).split(' ')[0]).toBe(sum.trim())
}

/** Starts a job that ends when its own file is there. One of them is dumped for a test before it moves. */
async function started(home: LabNode, command: string, index: number): Promise<string> {
  const id = (await said(home, `ENOUGH=/tmp/enough-${index} mosrun --nomig -b ${command}`)).trim()
  await goesOn(home, id)
  if (command.includes('files.py')) expect(testMoveReportSchema.parse(JSON.parse(await said(home, `plump testmove ${id} --json`)))).toMatchObject({ job: id, node: await idOf(home) })
  return id
}

async function endsWhole(home: LabNode, [kind, id]: [string, string], enough: string): Promise<void> {
  await said(home, `touch ${enough}`)
  const exit = (await home.exec(`plump wait ${id}`, { limitSeconds: STEP_LIMIT_SECONDS })).exitCode
  expect([kind, exit, (await said(home, `plump logs ${id}`)).trimEnd().split('\n').at(-1)]).toEqual([kind, 0, 'whole'])
  expect(await shown(home, id)).toMatchObject({ node: await idOf(home), migrations: 3 })
}

async function move(home: LabNode, id: string, to: number | 'home'): Promise<void> {
  await until(`job ${id} is on node ${to}`, STEP_LIMIT_SECONDS, async () => {
    const { exitCode, stdout, stderr } = await home.exec(`plump migrate ${id} ${to} --json`, { limitSeconds: STEP_LIMIT_SECONDS })
    if (exitCode === 0) expect(migrationReportSchema.parse(JSON.parse(stdout))).toMatchObject({ job: id })
    else expect(stderr).toMatch(/error\[BUSY\]/)
    return exitCode === 0
  })
}

async function goesOn(home: LabNode, id: string): Promise<void> {
  const lines = async (): Promise<number> => Number(await said(home, `plump logs ${id} | wc -l`))
  const before = await lines()
  await until(`job ${id} writes on`, STEP_LIMIT_SECONDS, async () => (await lines()) > before)
}

async function shown(home: LabNode, id: string): Promise<Job> {
  return jobSchema.parse(JSON.parse(await said(home, `plump job show ${id} --json`)))
}
