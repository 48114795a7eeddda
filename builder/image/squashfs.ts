import { run } from '../os/run.ts'
import type { Build } from '../pipeline/build.ts'

/** 1 MiB blocks: the largest squashfs has, and 5 % smaller than the default 128 KiB. */
const BLOCK = '1M'

/**
 * zstd levels. `small` is 18 for the root: 0.1 % larger than 19 and a fifth faster (measured: 41.85 MB in 25 s of CPU against 41.80 MB in
 * 30 s). `packed` is for trees of files that are compressed already.
 */
const LEVELS = { small: 18, packed: 9, fast: 3 }

export interface SquashfsContents {
  /** Files that are compressed already (.ko.xz) gain nothing from a high level. */
  packed: boolean
  /** Lines of a pseudo file (mksquashfs -p): device nodes, which need root in a folder. */
  pseudo: readonly string[]
}

/** What of a build decides over the bytes of a squashfs besides the tree and mksquashfs's version, as inputs of a step. */
export function squashfsInputs(build: Build): Record<string, string> {
  return { fast: String(build.fast), epoch: String(build.epochSeconds) }
}

/** Writes `folder` as a squashfs: owner 0 everywhere, all times the build's, zstd, without extended attributes. */
export async function makeSquashfs(build: Build, folder: string, file: string, { packed, pseudo }: SquashfsContents): Promise<void> {
  const level = build.fast ? LEVELS.fast : packed ? LEVELS.packed : LEVELS.small
  await run('mksquashfs', [folder, file, '-comp', 'zstd', '-Xcompression-level', String(level), '-b', BLOCK,
    '-all-root', '-no-xattrs', '-noappend', '-no-progress', '-quiet', ...pseudo.flatMap((line) => ['-p', line]),
  ], {
    // The environment alone: together with -mkfs-time or -all-time it is a fatal error.
    env: { SOURCE_DATE_EPOCH: String(build.epochSeconds) },
    signal: build.signal,
    onCommand: (commandLine) => build.emit({ type: 'command', commandLine }),
  })
}
