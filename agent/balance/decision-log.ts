import { appendFileSync, renameSync, statSync } from 'node:fs'
import type { DecisionInput, DecisionRecord, Judgement } from '../../schema/decision.ts'

export const DECISION_LOG = '/var/log/plump-decisions.log'
/** The file and one older one, both in memory. */
const LIMIT_BYTES = 1024 * 1024
/** The same decision as before is written again after this long, and not each second. */
const REPEAT_MS = 60_000

/** Decisions with all they were made from, one JSON line each, and the last one about each job. */
export class DecisionLog {
  readonly #file: string
  #last = new Map<string, { time: string; judgement: Judgement }>()
  #written = { verdicts: '', atMs: -Infinity }

  constructor(file = DECISION_LOG) {
    this.#file = file
  }

  note(input: DecisionInput, judgements: readonly Judgement[], nowMs: number, time: string): void {
    this.#last = new Map(judgements.map((judgement) => [judgement.job, { time, judgement }]))
    const verdicts = judgements.map((each) => `${each.job} ${each.verdict === 'stays' ? each.why : 'move'}`).join()
    if (judgements.length === 0 || (verdicts === this.#written.verdicts && nowMs - this.#written.atMs < REPEAT_MS)) return
    this.#written = { verdicts, atMs: nowMs }
    const record: DecisionRecord = { time, input, judgements: [...judgements] }
    if ((statSync(this.#file, { throwIfNoEntry: false })?.size ?? 0) > LIMIT_BYTES) renameSync(this.#file, `${this.#file}.1`)
    appendFileSync(this.#file, `${JSON.stringify(record)}\n`, { mode: 0o600 })
  }

  /** The last decision about a job that is here. */
  about(job: string): { time: string; judgement: Judgement } | undefined {
    return this.#last.get(job)
  }
}
