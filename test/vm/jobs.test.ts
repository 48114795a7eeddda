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

    // The first job of a home may run elsewhere.
    const id = (await other.waitForStage('ready')).fields['id'] ?? ''
    await until('the nodes see each other\'s files', 120, async () => (await run(other, `[ -d /mfs/${(await home.waitForStage('ready')).fields['id']}/usr ]`)).exitCode === 0)
    expect(await run(home, `runon ${id} sh -c 'exit 5'`)).toMatchObject({ exitCode: 5, stderr: '' })

    // As a plain command would have them.
    expect(await run(home, "mosrun sh -c 'echo out; echo err >&2; exit 3'")).toEqual({ exitCode: 3, stdout: 'out\n', stderr: 'err\n' })
    expect((await run(home, "mosrun sh -c 'kill -TERM $$'")).exitCode).toBe(128 + 15)
    expect((await run(home, 'head -c 3000000 /dev/urandom > /tmp/bytes; mosrun cat < /tmp/bytes | cmp - /tmp/bytes')).exitCode).toBe(0)
    expect((await run(home, 'mosrun yes | head -n 2')).stdout).toBe('y\ny\n')

    // The program on PATH, not busybox's own of the same name.
    expect((await run(home, 'mosrun tar --version')).stdout).toMatch(/GNU tar/)

    await outlivesAgent(home)
    await keepsUser(home)
    await obeys(home)

    const greedy = await run(home, "mosrun --memory 20M awk 'BEGIN { s = \"x\"; while (1) s = s s }'")
    expect(greedy.exitCode).not.toBe(0)
    expect(greedy.stderr).toMatch(/memory/)

    // On another node, with its streams and its exit code here.
    const away = await run(home, `echo hello | runon ${id} --mask allow:${id} sh -c 'cat; echo $PLUMP_MASK; readlink /mfs/lastexec; exit 4'`)
    expect(away).toMatchObject({ exitCode: 4, stdout: `hello\nallow:${id}\n/var/lib/plump/mfs/lastexec\n` })
    expect((await run(home, `runon ${id} --mask deny:${id} true`)).stderr).toMatch(/NODE_NOT_ALLOWED/)
    // The home's name, its view of itself, and the files of the node where it runs.
    expect((await run(home, `test $(runon ${id} hostname) = $(hostname) && test $(runon ${id} readlink -f /mfs/lastexec) = /mfs/${id}`)).exitCode).toBe(0)
    expect((await run(home, `mosrun cat /mfs/${id}/etc/hostname; runon ${id} cat /mfs/here/etc/hostname`)).stdout).toMatch(/^(.+)\n\1\n$/)
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

/** What the job verbs do shows in the kernel, and nothing of an ended job stays there. */
async function obeys(home: LabNode): Promise<void> {
  const job = (await run(home, 'mosrun -b --nice 3 --cpus 0.5 sleep 1000')).stdout.trim()
  const field = (number: number): Promise<string> => run(home, `cut -d' ' -f${number} /proc/$(tail -n 1 /sys/fs/cgroup/plump/own/${job}/cgroup.procs)/stat`).then(({ stdout }) => stdout.trim())
  await until('the command sleeps, with its niceness', 60, async () => await field(2) === '(sleep)' && await field(19) === '3')
  expect((await run(home, `cat /sys/fs/cgroup/plump/own/${job}/cpu.max`)).stdout).toBe('50000 100000\n')
  await run(home, `plump job renice ${job} 7`)
  expect(await field(19)).toBe('7')
  await run(home, `plump job stop ${job}`)
  await until('mps shows that it is stopped', 30, async () => new RegExp(`^${job} .*stopped`, 'm').test((await run(home, 'mps')).stdout))
  expect(await field(3)).toBe('T')
  await run(home, `plump job cont ${job}`)
  expect(await field(3)).toBe('S')
  expect((await run(home, `plump job lock ${job} --json`)).stdout).toContain('"lock": "here"')
  await run(home, `plump job kill ${job} KILL`)
  await until('its group is gone', 30, async () => (await run(home, `[ -e /sys/fs/cgroup/plump/own/${job} ] || [ -e /run/plump/jobs/${job}/keeper ]`)).exitCode !== 0)
}

/** A job runs as its user, and nobody else may touch it. The shell of `exec` has a setpriv of its own, hence the path. */
async function keepsUser(home: LabNode): Promise<void> {
  const as = (user: number, command: string): string => `/usr/bin/setpriv --reuid ${user} --regid ${user} --clear-groups sh -c '${command}'`
  const seen = await run(home, as(1000, 'umask 027; cd /tmp; MARK=yes mosrun sh -c "id -u; umask; pwd; echo \\$MARK"'))
  expect(seen.stdout).toBe('1000\n0027\n/tmp\nyes\n')
  expect((await run(home, as(1000, 'cd /tmp; mosrun sh -c "echo shared > /dev/shm/mine; cat /dev/shm/mine; rm /dev/shm/mine"'))).stdout).toBe('shared\n')
  const job = (await run(home, as(1000, 'cd /tmp; mosrun -b sleep 1000'))).stdout.trim()
  expect((await run(home, as(1001, `plump job kill ${job}`))).exitCode).not.toBe(0)
  expect((await run(home, `plump job kill ${job} KILL`)).exitCode).toBe(0)
}

async function run(node: LabNode, command: string): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  return await node.exec(command, { limitSeconds: COMMAND_LIMIT_SECONDS })
}
