/** A gigabit network and a plain CRIU round; replaced by what the node's own moves take. */
const FIRST_TRANSFER_KIBPS = 80_000
const FIRST_OVERHEAD_MS = 1_000
const KEEPS = 3 / 4
/** Below this size a move tells of its fixed part, above it of the transfer. */
const SMALL_KIB = 16 * 1024

/** What moves from this node have cost lately: a fixed part and a speed, each an average in which old moves fade. */
export class MoveFigures {
  transferKiBps = FIRST_TRANSFER_KIBPS
  overheadMs = FIRST_OVERHEAD_MS

  note({ rssKiB, tookMs }: { rssKiB: number; tookMs: number }): void {
    if (rssKiB < SMALL_KIB) {
      this.overheadMs = mix(this.overheadMs, Math.max(0, tookMs - rssKiB / this.transferKiBps * 1000))
    } else {
      const transferMs = Math.max(1, tookMs - this.overheadMs)
      this.transferKiBps = mix(this.transferKiBps, Math.max(1, rssKiB / transferMs * 1000))
    }
  }
}

function mix(old: number, fresh: number): number {
  return old * KEEPS + fresh * (1 - KEEPS)
}
