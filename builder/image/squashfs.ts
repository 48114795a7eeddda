import { run } from '../os/run.ts'
import type { Build } from '../pipeline/build.ts'

/** 1 MiB blocks: the largest squashfs has, and 5 % smaller than the default 128 KiB. */
const BLOCK = '1M'
const LEVEL = { small: 19, fast: 3 }

/** What of a build decides over the bytes of a squashfs besides the tree and mksquashfs's version, as inputs of a step. */
export function squashfsInputs(build: Build): Record<string, string> {
  return { 'squashfs': `zstd level ${squashfsLevel(build)} block ${BLOCK}`, epoch: String(build.epochSeconds) }
}

/**
 * Writes `folder` as a squashfs: owner 0 everywhere, all times the build's, zstd, without extended attributes. `pseudo` are lines of a
 * pseudo file (mksquashfs -pf): device nodes, and modes that the tree cannot carry.
 */
export async function makeSquashfs(build: Build, folder: string, file: string, pseudo: readonly string[] = []): Promise<void> {
  const definitions = pseudo.flatMap((line) => ['-p', line])
  await run('mksquashfs', [folder, file, '-comp', 'zstd', '-Xcompression-level', String(squashfsLevel(build)), '-b', BLOCK,
    '-all-root', '-no-xattrs', '-noappend', '-no-progress', '-quiet', ...definitions,
  ], {
    // The environment alone: together with -mkfs-time or -all-time it is a fatal error.
    env: { SOURCE_DATE_EPOCH: String(build.epochSeconds) },
    signal: build.signal,
    onCommand: (commandLine) => build.emit({ type: 'command', commandLine }),
  })
}

function squashfsLevel(build: Build): number {
  return build.fast ? LEVEL.fast : LEVEL.small
}
