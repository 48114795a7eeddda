import type { Command } from 'commander'
import { ensureTools } from '../doctor/ensure-tools.ts'
import { EXIT, PlumpError } from '../errors.ts'
import { compareInspections } from '../inspect/compare.ts'
import { describeDifferences, describeInspection } from '../inspect/describe.ts'
import { inspectIso } from '../inspect/inspect.ts'
import { allowedSignersFile, verifyFile } from '../inspect/signature.ts'

interface Options {
  verify?: string | boolean
  json?: boolean
}

export function registerInspect(program: Command): void {
  program.command('inspect')
    .description('Tell what is in an ISO, from the ISO alone: kernels, packages, firmware, arguments, ways to boot, whether it is whole. Two ISOs: what differs.')
    .argument('<iso>', 'the ISO')
    .argument('[other]', 'another one, to compare with')
    .option('--verify [key]', 'check who signed it: a public key, or a file of allowed signers (default: allowed_signers in ~/.config/plump)')
    .option('--json', 'print what was found as JSON')
    .action(inspect)
}

async function inspect(iso: string, other: string | undefined, options: Options): Promise<void> {
  await ensureTools('build')
  if (other !== undefined) {
    if (options.verify !== undefined) throw new PlumpError('USAGE', '--verify checks one ISO', { fix: './plump inspect ISO --verify, for each', exitCode: EXIT.usage })
    const differences = compareInspections(await inspectIso(iso), await inspectIso(other))
    print(options.json ? `${JSON.stringify(differences, undefined, 2)}\n` : describeDifferences(differences))
    return
  }
  if (options.verify !== undefined) return verify(iso, options)
  const found = await inspectIso(iso)
  print(options.json ? `${JSON.stringify(found, undefined, 2)}\n` : describeInspection(found))
  if (found.damaged.length > 0 || found.checksumFile === 'differs') {
    throw new PlumpError('DAMAGED', `${iso} is not what was built${found.damaged.length > 0 ? `: ${found.damaged.join(', ')}` : ''}`, { fix: 'copy it again from where it was built, or build it anew: ./plump build' })
  }
}

async function verify(iso: string, options: Options): Promise<void> {
  const { signer, key } = await verifyFile(iso, typeof options.verify === 'string' ? options.verify : allowedSignersFile())
  print(options.json ? `${JSON.stringify({ file: iso, signer, key }, undefined, 2)}\n` : `${iso} is what ${signer} signed, with ${key}\n`)
}

function print(text: string): void {
  process.stdout.write(text)
}
