import { expect, test } from 'vitest'
import type { LabNode } from '../../builder/lab/lab-node.ts'
import { until } from './support/until.ts'
import { withLab } from './support/with-lab.ts'

/** What the command line waits for by itself; software emulation starts a program in seconds. */
const COMMAND_LIMIT_SECONDS = 180
const LINES = 12

test('jobs: exit codes, signals and streams are those of a plain command; they outlive the agent, keep their user and run on another node', async () => {
  await withLab({ nodes: 2, medium: 'kernel' }, async (lab) => {
    const [home, other] = [lab.node(1), lab.node(2)]
    await Promise.all([home.waitForStage('joined'), other.waitForStage('joined')])

    // As a plain command would have them.
    expect(await run(home, "mosrun sh -c 'echo out; echo err >&2; exit 3'")).toEqual({ exitCode: 3, stdout: 'out\n', stderr: 'err\n' })
    expect((await run(home, "mosrun sh -c 'kill -TERM $$'")).exitCode).toBe(128 + 15)
    expect((await run(home, 'head -c 3000000 /dev/urandom > /tmp/bytes; mosrun cat < /tmp/bytes | cmp - /tmp/bytes')).exitCode).toBe(0)
    expect((await run(home, 'mosrun yes | head -n 2')).stdout).toBe('y\ny\n')

    await outlivesAgent(home)
    await keepsUser(home)

    const greedy = await run(home, "mosrun --memory 20M awk 'BEGIN { s = \"x\"; while (1) s = s s }'")
    expect(greedy.exitCode).not.toBe(0)
    expect(greedy.stderr).toMatch(/memory/)

    // On another node, with its streams and its exit code here.
    const id = (await other.waitForStage('ready')).fields['id'] ?? ''
    await until('a job starts on the other node', 120, async () => (await run(home, `runon ${id} true`)).exitCode === 0)
    const away = await run(home, `echo hello | runon ${id} sh -c 'cat; exit 4'`)
    expect(away).toMatchObject({ exitCode: 4, stdout: 'hello\n' })
    const job = (await run(home, `mosrun -b --on ${id} sleep 1000`)).stdout.trim()
    expect((await run(home, 'plump job ls --json')).stdout).toContain(job)
    await run(home, `plump job kill ${job} KILL`)
    expect((await run(home, `plump wait ${job}`)).exitCode).toBe(128 + 9)
  })
})

/** The agent ends while a job writes: no line is lost or doubled, and the exit code arrives. */
async function outlivesAgent(home: LabNode): Promise<void> {
  const { stdout } = await run(home, `mosrun -b sh -c 'i=0; while [ $i -lt ${LINES} ]; do i=$((i + 1)); echo $i; sleep 1; done; exit 7'`)
  const job = stdout.trim()
  await until('the job writes', 60, async () => (await run(home, `plump logs ${job}`)).stdout.includes('3\n'))
  await home.exec('for pid in $(pidof node); do grep -q agent.cjs /proc/$pid/cmdline && kill -9 $pid; done')
  await until('the agent answers again', 90, async () => (await run(home, 'plump status')).exitCode === 0)
  expect((await run(home, `plump wait ${job}`)).exitCode).toBe(7)
  expect((await run(home, `plump logs ${job}`)).stdout).toBe(Array.from({ length: LINES }, (_, index) => `${index + 1}\n`).join(''))
}

/** A job runs as its user, and nobody else may touch it. The shell of `exec` has a setpriv of its own, hence the path. */
async function keepsUser(home: LabNode): Promise<void> {
  const as = (user: number, command: string): string => `/usr/bin/setpriv --reuid ${user} --regid ${user} --clear-groups sh -c '${command}'`
  const seen = await run(home, as(1000, 'umask 027; cd /tmp; MARK=yes mosrun sh -c "id -u; umask; pwd; echo \\$MARK"'))
  expect(seen.stdout).toBe('1000\n0027\n/tmp\nyes\n')
  const job = (await run(home, as(1000, 'cd /tmp; mosrun -b sleep 1000'))).stdout.trim()
  expect((await run(home, as(1001, `plump job kill ${job}`))).exitCode).not.toBe(0)
  expect((await run(home, `plump job kill ${job} KILL`)).exitCode).toBe(0)
}

async function run(node: LabNode, command: string): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  return await node.exec(command, { limitSeconds: COMMAND_LIMIT_SECONDS })
}
