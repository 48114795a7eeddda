import { readFileSync } from 'node:fs'
import type { Version } from '../../schema/api.ts'
import type { NodeJson } from '../../schema/node-json.ts'
import { NodeError } from '../api/node-error.ts'
import { jsonOption } from './verb.ts'
import type { Verb } from './verb.ts'

export const version: Verb = {
  name: 'version',
  usage: '[--json]',
  summary: 'the version of Plump and of the image this node booted',
  details: 'Tells which Plump made this node\'s image, and the image\'s id; it works without the agent.',
  options: { json: jsonOption },
  wordsLimit: 0,
  async run({ options, print, nodeJsonPath }) {
    const answer = readVersion(nodeJsonPath)
    print(options.json === true ? JSON.stringify(answer, null, 2) : `plump ${answer.version}, image ${answer.imageId}`)
  },
}

/** Reads node.json, which the builder checked when it wrote it. Throws NodeError NODE_JSON. */
function readVersion(file: string): Version {
  try {
    const config = JSON.parse(readFileSync(file, 'utf8')) as NodeJson
    return { version: config.version, imageId: config.imageId }
  } catch (error) {
    const message = `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`
    throw new NodeError('NODE_JSON', message, 'boot from a whole image; the boot option plump.check tells what is damaged')
  }
}
