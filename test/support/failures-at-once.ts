import type { Reporter, TestCase } from 'vitest/node'

/** Tells why a test failed the moment it has: the summary at the end never comes when the whole run is cut short. */
export class FailuresAtOnce implements Reporter {
  onTestCaseResult(testCase: TestCase): void {
    for (const { stack, message, diff } of testCase.result().errors ?? []) process.stderr.write(`failed: ${testCase.fullName}\n${stack ?? message}\n${diff ?? ''}\n`)
  }
}
