import { expect, test } from 'vitest'
import { withLab } from './support/with-lab.ts'

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
