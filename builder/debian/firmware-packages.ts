/** Debian packages with firmware that the chosen network card modules may ask for; nics.firmware says whether the non-free ones count. */
export const FIRMWARE_PACKAGES: readonly { name: string; component: 'main' | 'non-free-firmware' }[] = [
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
]
