import { mkdtempSync, rmSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Build } from '../../builder/pipeline/build.ts'
import type { Step, StepWork } from '../../builder/pipeline/step.ts'
import { PROJECT_FOLDER } from '../../builder/version.ts'
import type { BuildEvent } from '../../schema/build-event.ts'
import { plumpYamlSchema } from '../../schema/plump-yaml.ts'

/** A folder that goes away with the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'plump-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export interface Trial {
  build: Build
  events: BuildEvent[]
  interrupt(): void
  /** Ids of the steps that ran since the last call. */
  ran(): string[]
}

/** A build in a folder of its own, whose events can be looked at. */
export function trialBuild(folder = temporaryFolder()): Trial {
  const events: BuildEvent[] = []
  const controller = new AbortController()
  let seen = 0
  const build: Build = {
    config: plumpYamlSchema.parse({}),
    version: '0.0.0',
    kernels: ['debian'],
    paths: { project: PROJECT_FOLDER, cache: join(folder, 'cache'), downloads: join(folder, 'downloads'), final: join(folder, 'final'), kernels: join(folder, 'kernels'), packages: join(folder, 'packages') },
    fast: false,
    refresh: false,
    epochSeconds: 1_000_000_000,
    clusterKey: undefined,
    wifi: undefined,
    signal: controller.signal,
    emit: (event) => void events.push(event),
  }
  const ran = (): string[] => {
    const news = events.slice(seen)
    seen = events.length
    return news.flatMap((event) => (event.type === 'step-started' ? [event.step] : []))
  }
  return { build, events, interrupt: () => controller.abort(), ran }
}

/** A step that writes one file; `input` stands for whatever it depends on. */
export function textStep(id: string, needs: readonly Step[], input: () => string, write: (work: StepWork) => Promise<string>): Step {
  return {
    id,
    title: id,
    needs,
    codeUrl: import.meta.url,
    inputs: () => Promise.resolve({ input: input() }),
    run: async (work) => writeFile(join(work.out, 'text'), await write(work)),
  }
}

/** The text a {@link textStep} wrote. */
export function textOf(folder: string): Promise<string> {
  return readFile(join(folder, 'text'), 'utf8')
}
