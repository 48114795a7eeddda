import { basename } from 'node:path'
import type { BuildRecord } from '../../schema/build-record.ts'
import { secretsOf, type Build } from '../pipeline/build.ts'
import type { Published } from '../pipeline/publish.ts'
import type { StepResult } from '../pipeline/results.ts'

/** The build record of a finished build. */
export function buildRecord(build: Build, results: Iterable<StepResult>, published: Published, bytesByCause: Record<string, number>, seconds: number): BuildRecord {
  return {
    version: build.version,
    iso: { name: basename(published.iso), bytes: published.bytes, sha256: published.sha256 },
    secret: secretsOf(build).length > 0,
    fast: build.fast,
    epochSeconds: build.epochSeconds,
    configuration: build.config,
    seconds,
    bytesByCause,
    steps: [...results].map(({ step, cached, seconds: stepSeconds, hash, digest, inputs }) => ({ id: step.id, cached, seconds: stepSeconds, hash, digest, inputs })),
  }
}
