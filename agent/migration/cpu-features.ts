import type { CpuFeatures } from '../../schema/cpu-features.ts'

/**
 * Flags of /proc/cpuinfo that no program can tell from its instructions: how the kernel works around flaws, saves power, counts events or
 * runs virtual machines. Two processors may differ in them. What is not named here counts, so a flag of tomorrow is taken seriously.
 */
const KERNEL_ONLY: ReadonlySet<string> = new Set([
  'vme', 'de', 'pse', 'tsc', 'msr', 'pae', 'mce', 'apic', 'sep', 'mtrr', 'pge', 'mca', 'pat', 'pse36', 'pn', 'dts', 'acpi', 'ss', 'ht', 'tm', 'ia64', 'pbe', 'nx',
  'pdpe1gb', 'constant_tsc', 'arch_perfmon', 'pebs', 'bts', 'rep_good', 'nopl', 'xtopology', 'nonstop_tsc', 'cpuid', 'extd_apicid', 'aperfmperf', 'tsc_known_freq',
  'tsc_reliable', 'dtes64', 'monitor', 'ds_cpl', 'vmx', 'smx', 'est', 'tm2', 'cid', 'sdbg', 'xtpr', 'pdcm', 'pcid', 'dca', 'x2apic', 'tsc_deadline_timer',
  'hypervisor', 'cmp_legacy', 'svm', 'extapic', 'cr8_legacy', 'ibs', 'skinit', 'wdt', 'nodeid_msr', 'tce', 'topoext', 'perfctr_core', 'perfctr_nb', 'bpext', 'ptsc',
  'perfctr_llc', 'mwaitx', 'arat', 'pln', 'pts', 'dtherm', 'ida', 'epb', 'cpb', 'invpcid_single', 'pti', 'ssbd', 'mba', 'ibrs', 'ibpb', 'stibp', 'ibrs_enhanced',
  'tpr_shadow', 'vnmi', 'flexpriority', 'ept', 'vpid', 'ept_ad', 'vmmcall', 'npt', 'lbrv', 'svm_lock', 'nrip_save', 'tsc_scale', 'vmcb_clean', 'flushbyasid', 'decodeassists',
  'pausefilter', 'pfthreshold', 'avic', 'v_vmsave_vmload', 'vgif', 'v_spec_ctrl', 'x2avic', 'v_tsc_aux', 'tsc_adjust', 'smep', 'smap', 'umip', 'pku', 'invpcid', 'intel_pt',
  'intel_ppin', 'amd_ppin', 'md_clear', 'flush_l1d', 'arch_capabilities', 'core_capabilities', 'pconfig', 'arch_lbr', 'hwp', 'hwp_notify', 'hwp_act_window', 'hwp_epp',
  'hwp_pkg_req', 'hfi', 'cat_l2', 'cat_l3', 'cdp_l2', 'cdp_l3', 'cqm', 'cqm_llc', 'cqm_occup_llc', 'cqm_mbm_total', 'cqm_mbm_local', 'rdt_a', 'proc_feedback', 'hw_pstate',
  'overflow_recov', 'succor', 'smca', 'sme', 'sev', 'sev_es', 'cppc', 'irperf', 'xsaveerptr', 'wbnoinvd', 'amd_lbr_v2', 'perfmon_v2', 'split_lock_detect', 'bus_lock_detect',
  'user_shstk', 'la57', 'dts_acpi', 'monitorx', 'spec_ctrl', 'retpoline', 'rsb_ctxsw', 'ssb_no', 'lm',
])

/** The flags of the first processor in the text of /proc/cpuinfo that programs can use. */
export function usableFlags(cpuinfo: string): string[] {
  const line = /^flags\s*:(.*)$/m.exec(cpuinfo)?.[1] ?? ''
  return line.split(' ').filter((flag) => flag !== '' && !KERNEL_ONLY.has(flag)).toSorted()
}

/** Why a program that started with `needed` must not run on `there`; undefined when it may. */
export function whyCpuDiffers(needed: CpuFeatures, there: CpuFeatures): string | undefined {
  const flags = new Set(there.flags)
  const missing = needed.flags.filter((flag) => !flags.has(flag))
  if (missing.length > 0) return `it lacks ${missing.join(', ')}`
  if (needed.xsaveBytes !== there.xsaveBytes) return `its register state takes ${there.xsaveBytes} bytes and not ${needed.xsaveBytes}`
  return undefined
}

/** What a job may have noticed of several processors. The register state's size is the same on all that it ever ran on. */
export function joinFeatures(one: CpuFeatures, other: CpuFeatures): CpuFeatures {
  return { flags: [...new Set([...one.flags, ...other.flags])].toSorted(), xsaveBytes: one.xsaveBytes }
}
