import { existsSync, rmSync } from 'node:fs'
import { readTextIfThere, writeAtomically } from '../os/files.ts'
import type { StdioState } from './stdio.ts'
import { streamsFromJson, type StreamsJson } from './stdio-json.ts'

/** Where the streams of a job stood when it came here: written down until it goes on, for an agent that starts anew before. */
export const ARRIVAL_FILE = 'streams.json'

/** Writes it down in the job's folder, and gives it as the state to go on from. */
export function noteArrival(folder: string, streams: StreamsJson): StdioState {
  writeAtomically(`${folder}/${ARRIVAL_FILE}`, JSON.stringify(streams), 0o600)
  return { from: 'node', ...streamsFromJson(streams) }
}

export function hasArrival(folder: string): boolean {
  return existsSync(`${folder}/${ARRIVAL_FILE}`)
}

/** Undefined for a job that is not about to arrive. */
export function readArrival(folder: string): StdioState | undefined {
  const text = readTextIfThere(`${folder}/${ARRIVAL_FILE}`)
  return text === undefined ? undefined : { from: 'node', ...streamsFromJson(JSON.parse(text) as StreamsJson) }
}

export function dropArrival(folder: string): void {
  rmSync(`${folder}/${ARRIVAL_FILE}`, { force: true })
}
