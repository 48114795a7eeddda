import { join } from 'node:path'
import { expect, test } from 'vitest'
import * as z from 'zod'
import type { LabNode } from '../../builder/lab/lab-node.ts'
import { jobSchema, type Job } from '../../schema/job.ts'
import { idOf, knowsJobs, said } from './support/jobs.ts'
import { makeDisk } from './support/make-disk.ts'
import { until } from './support/until.ts'
import { withLab } from './support/with-lab.ts'

const TEST_LIMIT_MS = 1_500_000
const STEP_LIMIT_SECONDS = 240
const FULL_SPEED_MOVES = 20
/** Numbered lines as fast as they can be written, until it sees the file. */
const WRITER = 'BEGIN { while ((getline line < "/tmp/enough") < 0) for (i = 0; i < 1000; i++) print ++n; print "end " n }'
/** Reads them and keeps nothing but a verdict. */
const READER = '/^end / { print ($2 == n ? "whole " : "short ") n; exit } $1 != ++n { print "torn at " n ": " $0; exit }'
const KEYS = '/tmp/keys'
const SCREEN = '/tmp/screen'

test('a shell and an editor on a terminal move, as do a job that writes at full speed, and one with a disk of its home', async () => {
  await withLab({ nodes: 1, medium: 'kernel' }, async (lab) => {
    const image = join(lab.folder, 'data.img')
    await makeDisk(image)
    const [home, other] = [await lab.add({ medium: 'kernel', disk: image }), lab.node(1)]
    await knowsJobs(lab)
    await shellOnTerminal(home, other)
    await fullSpeed(home, other)
    await diskOfHome(home, other)
  })
}, TEST_LIMIT_MS)

/** Typed lines, job control, an editor and the window's size go along, there and back. */
async function shellOnTerminal(home: LabNode, other: LabNode): Promise<void> {
  const type = (keys: string): Promise<string> => said(home, `printf '%b' '${keys}' > ${KEYS}`)
  const shows = (what: string): Promise<void> => until(`the screen shows ${what}`, STEP_LIMIT_SECONDS, async () => (await said(home, `cat ${SCREEN}`)).includes(what))
  const moveTo = async (id: string, node: LabNode): Promise<void> => void await said(home, `plump migrate ${id} ${await idOf(node)}`)

  await said(home, `mkfifo ${KEYS}; (sleep 100000 > ${KEYS} 2> /dev/null &); (script --quiet --flush --command 'stty rows 31 cols 97; mosrun --nomig sh -i' ${SCREEN} < ${KEYS} > /dev/null 2>&1 &)`)
  const id = await newJob(home)
  await type(String.raw`echo started $((6 * 7))\n`)
  await shows('started 42')
  await type(String.raw`mark=kept\n`)

  await moveTo(id, other)
  await type(String.raw`echo moved $mark $((6 * 8)); stty size\n`)
  await shows('moved kept 48')
  await shows('31 97')
  // Opened anew, /dev/tty is the terminal that it has there.
  await type(String.raw`echo opened $((6 * 6)) > /dev/tty\n`)
  await shows('opened 36')
  // The child of a moved shell is its own: Ctrl-C reaches the foreground alone, Ctrl-Z stops it, fg takes it up.
  await type(String.raw`cat\nmirror\n`)
  await until('cat repeats what is typed', STEP_LIMIT_SECONDS, async () => (await said(home, `cat ${SCREEN}`)).split('mirror').length > 2)
  await type(String.raw`\032`)
  await type(String.raw`jobs; echo stopped $((6 * 9))\n`)
  await shows('stopped 54')
  await shows('Stopped')
  await type(String.raw`fg\n`)
  await type(String.raw`\003`)
  await type(String.raw`echo interrupted $((6 * 10))\n`)
  await shows('interrupted 60')

  await type(String.raw`vi /tmp/text\n`)
  // The lines below the text, which only the editor draws.
  await shows('~')
  await type('ithe first line')
  await shows('the first line')
  await moveTo(id, home)
  // Alone: with more behind it, it begins the name of a key.
  await type(String.raw`\033`)
  await shows('- /tmp/text [Modified]')
  await type(String.raw`yyp:wq\n`)
  await until('the editor has written', STEP_LIMIT_SECONDS, async () => (await home.exec('cat /tmp/text')).stdout === 'the first line\nthe first line\n')
  await moveTo(id, other)
  await type(String.raw`exit 5\n`)
  await until('its mosrun ends', STEP_LIMIT_SECONDS, async () => !(await list(home)).some((job) => job.id === id))
}

/** Its reader at home sees every line once, in order, whatever the job's node. */
async function fullSpeed(home: LabNode, other: LabNode): Promise<void> {
  await said(home, `rm -f /tmp/enough; (mosrun --nomig awk '${WRITER}' 2>&1 | awk '${READER}' > /tmp/verdict 2>&1 &)`)
  const id = await newJob(home)
  for (let move = 0; move < FULL_SPEED_MOVES; move++) await said(home, `plump migrate ${id} ${move % 2 === 0 ? await idOf(other) : 'home'}`)
  expect((await shown(home, id)).migrations).toBe(FULL_SPEED_MOVES)
  await said(home, 'touch /tmp/enough')
  await until('the reader has come to a verdict', STEP_LIMIT_SECONDS, async () => (await home.exec('test -s /tmp/verdict')).exitCode === 0)
  expect(await said(home, 'cat /tmp/verdict')).toMatch(/^whole \d+\n$/)
}

/** A partition of its home is part of the job's files, and no reason to stay. On the node it leaves, nothing is left written down. */
async function diskOfHome(home: LabNode, other: LabNode): Promise<void> {
  await said(home, 'grep -q " /home ext4 " /proc/mounts && rm -f /tmp/enough')
  const id = (await said(home, `mosrun --nomig -b awk 'BEGIN { while ((getline line < "/tmp/enough") < 0) { print ++n > "/home/text"; fflush(); for (i = 0; i < 50000; i++) sum += i } print "whole" }'`)).trim()
  await said(home, `plump migrate ${id} ${await idOf(other)}`)
  expect((await shown(home, id)).cantmove).toBeUndefined()
  await said(home, `plump migrate ${id} home`)
  await until('the other node has forgotten it', STEP_LIMIT_SECONDS, async () => (await other.exec(`test -e /run/plump/jobs/${id}`)).exitCode !== 0)
  await said(home, 'touch /tmp/enough')
  expect((await home.exec(`plump wait ${id}`, { limitSeconds: STEP_LIMIT_SECONDS })).exitCode).toBe(0)
  expect(await said(home, `plump logs ${id}`)).toBe('whole\n')
  const numbers = (await said(home, 'cat /home/text')).trimEnd().split('\n')
  expect(numbers).toEqual(numbers.map((_, index) => String(index + 1)))
}

/** Id of the one job that has just been started in the foreground. */
async function newJob(home: LabNode): Promise<string> {
  let id = ''
  await until('the job is there', STEP_LIMIT_SECONDS, async () => {
    id = (await list(home)).find(({ state }) => state === 'running')?.id ?? ''
    return id !== ''
  })
  return id
}

async function list(home: LabNode): Promise<Job[]> {
  return z.array(jobSchema).parse(JSON.parse(await said(home, 'plump job ls --json')))
}

async function shown(home: LabNode, id: string): Promise<Job> {
  return jobSchema.parse(JSON.parse(await said(home, `plump job show ${id} --json`)))
}
