import { existsSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EXIT, PlumpError } from '../errors.ts'
import type { MachineConfig } from './options.ts'

/** Where Debian and Ubuntu (package ovmf) put UEFI for QEMU. */
const OVMF_FOLDER = '/usr/share/OVMF'

const WITHOUT_SECURE_BOOT = { code: 'OVMF_CODE_4M.fd', variables: 'OVMF_VARS_4M.fd' }

/** The `.ms` pair has Microsoft's keys enrolled and Secure Boot on, as a PC has when it is bought. */
const OVMF_FILES = {
  'uefi': WITHOUT_SECURE_BOOT,
  'uefi-http': WITHOUT_SECURE_BOOT,
  'secureboot': { code: 'OVMF_CODE_4M.ms.fd', variables: 'OVMF_VARS_4M.ms.fd' },
} as const

/**
 * The flash of a machine: the firmware's code, and a copy of its variables at `variablesFile` that the machine keeps
 * from boot to boot. Undefined for BIOS, which is QEMU's own. Throws PlumpError TOOL_MISSING.
 */
export async function prepareFlash(firmware: MachineConfig['firmware'], variablesFile: string): Promise<{ code: string; variables: string } | undefined> {
  if (firmware === 'bios') return undefined
  const code = join(OVMF_FOLDER, OVMF_FILES[firmware].code)
  const template = join(OVMF_FOLDER, OVMF_FILES[firmware].variables)
  for (const file of [code, template]) {
    if (!existsSync(file)) {
      throw new PlumpError('TOOL_MISSING', `${file} not found; it is the UEFI firmware of virtual machines`, {
        fix: './plump doctor --fix', exitCode: EXIT.toolMissing,
      })
    }
  }
  if (!existsSync(variablesFile)) await copyFile(template, variablesFile)
  return { code, variables: variablesFile }
}
