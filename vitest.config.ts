import { defineConfig } from 'vitest/config'
import { EssentialFirst } from './test/support/essential-first.ts'
import { FailuresAtOnce } from './test/support/failures-at-once.ts'

/** `./plump test` reads there what became of the tests. */
const reportFile = process.env['PLUMP_TEST_REPORT']
const json: ['json', { outputFile: string }][] = reportFile === undefined ? [] : [['json', { outputFile: reportFile }]]

/** Two projects: `unit` is pure and quick, `vm` boots what was built, one file after another because virtual machines take all cores. */
export default defineConfig({
  test: {
    sequence: { sequencer: EssentialFirst },
    reporters: ['default', new FailuresAtOnce(), ...json],
    projects: [
      {
        test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 30_000 },
      },
      {
        test: {
          name: 'vm',
          include: ['test/vm/**/*.test.ts'],
          setupFiles: ['test/support/time-left.ts'],
          globalSetup: ['test/vm/global-setup.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
