import { open } from 'node:fs/promises'
import { EXIT, PlumpError } from '../errors.ts'

/** ECMA-119: the primary volume descriptor is at sector 16, its identifier one byte in, the volume's name 40. */
const DESCRIPTOR_AT = 16 * 2048
const DESCRIPTOR_BYTES = 72
const VOLUME_PREFIX = 'PLUMP_'

export interface IsoVolume {
  bytes: number
  /** The image id, which is in the volume's name. */
  imageId: string
}

/** Throws PlumpError NOT_AN_ISO when the file is missing or is none of ours. */
export async function readIsoVolume(file: string): Promise<IsoVolume> {
  const handle = await open(file, 'r').catch((error: unknown) => {
    throw notAnIso(`${file} cannot be read`, error)
  })
  try {
    const { size } = await handle.stat()
    const descriptor = Buffer.alloc(DESCRIPTOR_BYTES)
    await handle.read(descriptor, 0, DESCRIPTOR_BYTES, DESCRIPTOR_AT)
    const name = descriptor.toString('latin1', 40, 72).trim()
    if (descriptor.toString('latin1', 1, 6) !== 'CD001' || !name.startsWith(VOLUME_PREFIX)) throw notAnIso(`${file} is not an ISO of Plump`)
    return { bytes: size, imageId: name.slice(VOLUME_PREFIX.length).toLowerCase() }
  } finally {
    await handle.close()
  }
}

function notAnIso(message: string, cause?: unknown): PlumpError {
  return new PlumpError('NOT_AN_ISO', message, { fix: './plump build makes one in final/', exitCode: EXIT.usage, cause })
}
