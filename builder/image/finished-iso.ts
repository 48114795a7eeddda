import { chmod, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { EXIT, PlumpError } from '../errors.ts'
import { run } from '../os/run.ts'
import { ELTORITO_PATH, isoArguments } from './iso.ts'
import { filesBelow, type MediumFile } from './medium.ts'

/** An ISO of ours, taken apart into what {@link isoArguments} puts together. */
export interface FinishedIso {
  /** Everything on it, unpacked, but the catalog of boot images, which xorriso writes. */
  tree: string
  files: MediumFile[]
  bootSector: string
  espImage: string
  /** The one date that all its files have. */
  epochSeconds: number
}

/** Unpacks an ISO into an empty folder. Throws NOT_OUR_ISO. */
export async function takeIsoApart(file: string, folder: string, signal?: AbortSignal): Promise<FinishedIso> {
  const [tree, boot] = [join(folder, 'tree'), join(folder, 'boot')]
  const options = signal === undefined ? {} : { signal }
  try {
    await stat(file)
    // auto_chmod_on: folders of an ISO may not be written to, but these have to be.
    await run('xorriso', ['-osirrox', 'on:auto_chmod_on', '-indev', `stdio:${file}`, '-extract', '/', tree, '-extract_boot_images', boot], options)
    await run('chmod', ['-R', 'u+w', tree], options)
    const dated = await stat(join(tree, 'plump/image-id'))
    await stat(join(tree, 'plump/base-id'))
    const files = (await filesBelow(tree)).filter(({ path }) => path !== 'boot/grub/boot.cat')
    await chmod(join(tree, ELTORITO_PATH), 0o644)
    return { tree, files, bootSector: join(boot, 'mbr_code_grub2.img'), espImage: join(boot, 'gpt_part2_efi.img'), epochSeconds: dated.mtimeMs / 1000 }
  } catch (error) {
    if (error instanceof PlumpError && error.code !== 'COMMAND_FAILED') throw error
    throw new PlumpError('NOT_OUR_ISO', `${file} is no ISO that this version of Plump has made: ${error instanceof Error ? error.message.split('\n').at(-1) : String(error)}`, {
      fix: 'name one, as in final/plump-VERSION-amd64.iso, or build it anew: ./plump build', exitCode: EXIT.usage, cause: error,
    })
  }
}

/** Writes an ISO of the parts, as the build does. */
export async function writeIso(file: string, iso: FinishedIso, files: readonly MediumFile[], imageId: string, signal?: AbortSignal): Promise<void> {
  await run('xorriso', isoArguments({
    file, volumeId: volumeId(imageId), epochSeconds: iso.epochSeconds, bootSector: iso.bootSector, espImage: iso.espImage, files,
  }), {
    // The volume's own dates and the identifiers made from them.
    env: { SOURCE_DATE_EPOCH: String(iso.epochSeconds) },
    ...(signal === undefined ? {} : { signal }),
  })
}

/** The name of an image's volume: what a desktop shows of a stick. */
export function volumeId(imageId: string): string {
  return `PLUMP_${imageId.toUpperCase()}`
}
