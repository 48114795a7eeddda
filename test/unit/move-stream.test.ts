import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { duplexPair } from 'node:stream'
import { expect, test } from 'vitest'
import { MoveStream } from '../../agent/migration/wire.ts'
import { SMALL_FILE_BYTES } from '../../schema/migration.ts'

test('images travel whole: small ones together, a large one by itself', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'plump-images-'))
  try {
    const large = Buffer.alloc(3 * SMALL_FILE_BYTES, 'large')
    // Together, the last are more than fits one frame.
    const contents = new Map([
      ['a.img', 'one'], ['empty.img', ''], ['b.img', 'two'], ...Array.from({ length: 40 }, (_, index) => [`c-${index}.img`, 'x'.repeat(index)] as const),
      ...Array.from({ length: 40 }, (_, index) => [`d-${index}.img`, 'y'.repeat(SMALL_FILE_BYTES)] as const),
    ])
    for (const [name, text] of contents) writeFileSync(join(folder, name), text)
    writeFileSync(join(folder, 'large.img'), large)

    const [near, far] = duplexPair()
    const [source, target] = [new MoveStream(near), new MoveStream(far)]
    const sent = source.sendFiles(folder, [...contents.keys(), 'large.img']).then(() => source.order({ do: 'discard' }))
    const got = new Map<string, string>()
    for (let order = await target.nextOrder(); order?.do !== 'discard'; order = await target.nextOrder()) {
      if (order?.do === 'small-files') {
        const body = await target.nextBytes()
        let at = 0
        for (const { name, bytes } of order.files) got.set(name, body?.subarray(at, at += bytes).toString() ?? '')
        expect(body?.length).toBe(at)
      } else if (order?.do === 'file') {
        expect(order).toEqual({ do: 'file', name: 'large.img', bytes: large.length })
        const pieces: Buffer[] = []
        for (let bytes = 0; bytes < large.length; bytes += pieces.at(-1)?.length ?? 0) pieces.push(await target.nextBytes() ?? Buffer.alloc(large.length))
        expect(Buffer.concat(pieces)).toEqual(large)
      }
    }
    await sent
    expect(got).toEqual(contents)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('sending ends when the target is gone in the middle of a file, and so does what is sent after', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'plump-images-'))
  try {
    writeFileSync(join(folder, 'large.img'), Buffer.alloc(8 * SMALL_FILE_BYTES))
    writeFileSync(join(folder, 'small.img'), 'small')
    // Nobody reads at the other end.
    const [near] = duplexPair()
    const source = new MoveStream(near)
    const sent = source.sendFiles(folder, ['large.img'])
    setTimeout(() => source.destroy(), 50)
    await expect(sent).rejects.toMatchObject({ code: 'TARGET_GONE' })
    await expect(source.sendFiles(folder, ['large.img'])).rejects.toMatchObject({ code: 'TARGET_GONE' })
    await expect(source.sendFiles(folder, ['small.img'])).rejects.toMatchObject({ code: 'TARGET_GONE' })
  } finally {
    rmSync(folder, { recursive: true })
  }
})
