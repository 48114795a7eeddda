import { NodeError } from '../api/node-error.ts'
import { ADDRESS_FIELDS, readField, readTypedAddress, type TypedAddress } from '../leases/address-form.ts'
import { ask } from './agent-client.ts'
import { readVisibleLine } from './read-line.ts'
import { UsageError } from './usage-error.ts'
import type { Verb, VerbInput } from './verb.ts'

const TRIES_LIMIT = 20

export const netsetup: Verb = {
  name: 'netsetup',
  usage: '[ADDRESS/PREFIX [GATEWAY] | --dhcp] [--nic NIC]',
  summary: 'give this node an address by hand, where no DHCP server does',
  details: [
    'Without an address it asks for address, mask and gateway. The address holds until the node is switched off; network.static in plump.yaml',
    'is for those that stay. Without --nic it is the first card with a carrier and no address of its own. Ctrl-C gives up.',
  ].join('\n'),
  options: {
    nic: { type: 'string', help: 'the interface, as plump net check shows it' },
    dhcp: { type: 'boolean', help: 'forget the address that was typed and ask DHCP again' },
  },
  wordsLimit: 2,
  async run({ options, words, print, socketPath }) {
    const nic = typeof options.nic === 'string' ? { interface: options.nic } : {}
    if (options.dhcp === true) {
      const answer = await ask(socketPath, 'set-address', { ...nic, address: null })
      return print(`${answer.interface} asks DHCP again`)
    }
    const typed = words.length > 0 ? fromWords(words) : await askAll()
    const reading = readTypedAddress(typed)
    if (!reading.ok) throw new UsageError(reading.why, 'netsetup 192.168.1.20/24 192.168.1.1')
    const answer = await ask(socketPath, 'set-address', { ...nic, address: reading.address })
    print(`${answer.interface} has ${reading.address.address}; plump net check explains the network`)
  },
}

function fromWords([address = '', gateway = '']: VerbInput['words']): TypedAddress {
  return { address, mask: '', gateway }
}

/** Asks for one field after the other, again for one that cannot be. Throws NodeError GIVEN_UP, and UsageError when nobody can be asked. */
async function askAll(): Promise<TypedAddress> {
  if (!process.stdin.isTTY) throw new UsageError('netsetup asks on a terminal; here it needs the address', 'netsetup 192.168.1.20/24 192.168.1.1')
  const typed: TypedAddress = { address: '', mask: '', gateway: '' }
  let triesLeft = TRIES_LIMIT
  for (const { field, label, hint } of ADDRESS_FIELDS) {
    if (field === 'mask' && typed.address.includes('/')) continue
    for (;;) {
      typed[field] = await readVisibleLine(process.stdin, process.stderr, `${label} (${hint}): `)
      const reading = readField(field, typed)
      if (reading.ok) break
      triesLeft -= 1
      if (triesLeft === 0) throw new NodeError('GIVEN_UP', reading.why, 'netsetup starts again')
      process.stderr.write(`not taken: ${reading.why}\n`)
    }
  }
  return typed
}
