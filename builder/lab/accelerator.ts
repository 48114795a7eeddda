import { access, constants, readFile } from 'node:fs/promises'

/**
 * KVM where it works, else software emulation. A /dev/kvm that can be opened is not enough: without vmx or svm in the CPU
 * it only emulates, and stops at the first instruction it does not know.
 */
export async function chooseAccelerator(): Promise<'kvm' | 'tcg'> {
  try {
    await access('/dev/kvm', constants.R_OK | constants.W_OK)
  } catch {
    return 'tcg'
  }
  return hasVirtualisation(await readFile('/proc/cpuinfo', 'utf8')) ? 'kvm' : 'tcg'
}

/** Whether a /proc/cpuinfo tells of hardware virtualisation (Intel vmx, AMD svm). */
export function hasVirtualisation(cpuinfo: string): boolean {
  return /^flags\s*:.*\b(?:vmx|svm)\b/m.test(cpuinfo)
}
