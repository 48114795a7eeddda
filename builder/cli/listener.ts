import { jsonListener } from '../pipeline/listeners/json.ts'
import { plainListener } from '../pipeline/listeners/plain.ts'
import { terminalListener } from '../pipeline/listeners/terminal.ts'
import type { BuildListener } from '../pipeline/listeners/listener.ts'

/** How events are shown: JSON lines on stdout when asked, a live list on a terminal, else plain lines. */
export function chooseListener(options: { json: boolean; verbose: boolean }): BuildListener {
  if (options.json) return jsonListener()
  return process.stderr.isTTY && !options.verbose ? terminalListener() : plainListener(options)
}
