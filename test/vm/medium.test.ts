import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { openIso } from '../../builder/inspect/open-iso.ts'
import { PROJECT_FOLDER } from '../../builder/version.ts'
import { withLab } from './support/with-lab.ts'

const FINAL = join(PROJECT_FOLDER, 'final')

/** The initramfs looks for its medium for 30 s; software emulation takes its time on top. */
const GIVE_UP_LIMIT_SECONDS = 120

test('the medium is not there: the screen says what was looked for and which disks were seen, and offers a shell', async () => {
  await withLab({ nodes: 1, medium: 'kernel', append: 'plump.image=0123456789abcdef' }, async (lab) => {
    const node = lab.node(1)
    await node.waitForText(/plump: waiting for the medium with image id 0123456789abcdef; /, { limitSeconds: 60 })
    await node.waitForText(/0123456789abcdef[\s\S]*vda/, { limitSeconds: GIVE_UP_LIMIT_SECONDS })
    expect((await node.stages()).map((line) => line.stage)).toEqual(['initramfs'])
  })
})

test('a damaged root is found before it is mounted: always when it came over the network, on request when it lies on a medium', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'plump-damaged-'))
  try {
    const [initrd, iso] = await Promise.all([damagedCopy(join(FINAL, 'netboot/initrd'), folder), damagedCopy(join(FINAL, await isoName()), folder)])
    await withLab({ nodes: 1, medium: 'kernel', kernelFiles: { kernel: join(FINAL, 'netboot/bzImage'), initrd } }, async (lab) => {
      await lab.add({ medium: 'kernel', iso, append: 'plump.check' })
      for (const node of lab.nodes) await node.waitForText(/Plump cannot start: the medium is damaged: live\/root\.sqfs/, { limitSeconds: GIVE_UP_LIMIT_SECONDS })
      expect((await Promise.all(lab.nodes.map((node) => node.stages()))).flat().map((line) => line.stage)).toEqual(['initramfs', 'initramfs'])
    })
  } finally {
    await rm(folder, { recursive: true })
  }
})

async function isoName(): Promise<string> {
  const name = (await readdir(FINAL)).find((file) => file.endsWith('.iso'))
  if (name === undefined) throw new Error('there is no ISO in final/')
  return name
}

/** A copy in which one bit in the middle of the root's squashfs is another. */
async function damagedCopy(file: string, folder: string): Promise<string> {
  const opened = await openIso(join(FINAL, await isoName()))
  const root = await opened.read('live/root.sqfs')
  await opened.close()
  const bytes = await readFile(file)
  const at = bytes.indexOf(root.subarray(0, 4096)) + Math.floor(root.length / 2)
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
  const copy = join(folder, basename(file))
  await writeFile(copy, bytes)
  return copy
}
