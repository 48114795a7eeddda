import { readFileSync, statSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { decisionRecordSchema } from '../../schema/decision.ts'
import type { DecisionRecord } from '../../schema/decision.ts'
import { NodeError } from '../api/node-error.ts'
import { decide } from './decide.ts'

const FILE_LIMIT_BYTES = 16 * 1024 * 1024

/** The decisions in a log; none when it is not there. Throws NodeError NO_RECORD for a file that is no such log. */
export function readRecords(file: string): DecisionRecord[] {
  const sizeBytes = statSync(file, { throwIfNoEntry: false })?.size
  if (sizeBytes === undefined) return []
  if (sizeBytes > FILE_LIMIT_BYTES) throw new NodeError('RECORD_TOO_LONG', `${file} has more than ${FILE_LIMIT_BYTES} bytes`, 'replay a part of it: tail -n 1000 FILE')
  return readFileSync(file, 'utf8').split('\n').filter((line) => line !== '').map((line, index) => {
    const parsed = decisionRecordSchema.safeParse(asJson(line))
    if (!parsed.success) throw new NodeError('NO_RECORD', `${file}: line ${index + 1} is no recorded decision`, 'name a decision log as in /var/log/plump-decisions.log')
    return parsed.data
  })
}

/** Decides each again from its inputs. */
export function replay(records: readonly DecisionRecord[]): { decisions: number; differing: string[] } {
  const differing = records.filter(({ input, judgements }) => !isDeepStrictEqual(JSON.parse(JSON.stringify(decide(input).judgements)), judgements))
  return { decisions: records.length, differing: differing.map(({ time }) => time) }
}

function asJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
