import { run, type RunOptions } from '../os/run.ts'
import type { Build } from './build.ts'

/** Runs a program for a build: stopped with it, and shown by `--verbose`. Gives stdout; throws as `run` does. */
export function buildRun(build: Build, program: string, args: readonly string[], options: Omit<RunOptions, 'signal' | 'onCommand'> = {}): Promise<string> {
  return run(program, args, { ...options, signal: build.signal, onCommand: (commandLine) => build.emit({ type: 'command', commandLine }) })
}
