import type { PlumpYaml } from '../../schema/plump-yaml.ts'

/** Debian packages with firmware that network card modules may ask for; those for Wi-Fi are taken with nics.set: all only. */
export const FIRMWARE_PACKAGES: readonly { name: string; component: 'main' | 'non-free-firmware'; wifi?: true }[] = [
  // main: pcnet_cs and other cards whose firmware has source
  { name: 'firmware-linux-free', component: 'main' },
  // r8169, r8152
  { name: 'firmware-realtek', component: 'non-free-firmware' },
  { name: 'firmware-bnx2', component: 'non-free-firmware' },
  { name: 'firmware-bnx2x', component: 'non-free-firmware' },
  // liquidio
  { name: 'firmware-cavium', component: 'non-free-firmware' },
  // e100, ice
  { name: 'firmware-intel-misc', component: 'non-free-firmware' },
  // tg3, typhoon, cxgb3, cxgb4, tehuti, kaweth, mscc
  { name: 'firmware-misc-nonfree', component: 'non-free-firmware' },
  { name: 'firmware-myricom', component: 'non-free-firmware' },
  // nfp
  { name: 'firmware-netronome', component: 'non-free-firmware' },
  // netxen_nic, qlcnic
  { name: 'firmware-netxen', component: 'non-free-firmware' },
  // qed, bna
  { name: 'firmware-qlogic', component: 'non-free-firmware' },
  // what may be sent where: cfg80211 asks for it
  { name: 'wireless-regdb', component: 'main', wifi: true },
  { name: 'firmware-ath9k-htc', component: 'main', wifi: true },
  { name: 'firmware-carl9170', component: 'main', wifi: true },
  // ath6kl, ath10k, ath11k, ath12k
  { name: 'firmware-atheros', component: 'non-free-firmware', wifi: true },
  { name: 'firmware-brcm80211', component: 'non-free-firmware', wifi: true },
  { name: 'firmware-iwlwifi', component: 'non-free-firmware', wifi: true },
  // mwifiex, mwl8k
  { name: 'firmware-libertas', component: 'non-free-firmware', wifi: true },
  // mt76
  { name: 'firmware-mediatek', component: 'non-free-firmware', wifi: true },
  // wl12xx, wl18xx
  { name: 'firmware-ti-connectivity', component: 'non-free-firmware', wifi: true },
  { name: 'firmware-zd1211', component: 'non-free-firmware', wifi: true },
]

/** The firmware packages an image may need; `nics.firmware: free` leaves out those of non-free-firmware. */
export function firmwarePackages({ set, firmware }: PlumpYaml['nics']): string[] {
  return FIRMWARE_PACKAGES.filter(({ component, wifi }) => (firmware !== 'free' || component === 'main') && (set === 'all' || wifi !== true)).map(({ name }) => name)
}
