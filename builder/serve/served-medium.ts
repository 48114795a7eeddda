import { chmod, mkdir } from 'node:fs/promises'
import { PACKED_LOADERS } from '../../schema/boot-server/serve-medium.ts'
import type { Secret } from '../../schema/inspection.ts'
import { EXIT, PlumpError } from '../errors.ts'
import { filesBelow } from '../image/medium.ts'
import { secretsAmong } from '../image/secrets.ts'
import { run } from '../os/run.ts'

export interface ServedMedium {
  /** Where its files are now, by their path on the medium. */
  files: Map<string, string>
  secrets: Secret[]
}

/** Takes an ISO apart into `folder`, and its boot loaders into `tftpFolder`. Throws PlumpError NO_LOADERS when it is too old to be served. */
export async function openServedMedium(iso: string, folder: string, tftpFolder: string, signal: AbortSignal): Promise<ServedMedium> {
  await mkdir(folder, { mode: 0o700 })
  await run('xorriso', ['-osirrox', 'on:auto_chmod_on', '-indev', iso, '-extract', '/', folder], { signal })
  await chmod(folder, 0o700)
  const files = new Map((await filesBelow(folder)).map(({ path, source }) => [path, source]))
  const loaders = files.get(PACKED_LOADERS)
  if (loaders === undefined) {
    throw new PlumpError('NO_LOADERS', `${iso} has no boot loaders for the network`, { fix: './plump build makes one that has', exitCode: EXIT.usage })
  }
  await run('tar', ['-xJf', loaders, '-C', tftpFolder, '--no-same-owner'], { signal })
  return { files, secrets: secretsAmong(files.keys()) }
}
