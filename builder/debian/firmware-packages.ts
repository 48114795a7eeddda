/** Debian packages with firmware that the chosen network card modules may ask for; nics.firmware says whether the non-free ones count. */
export const FIRMWARE_PACKAGES: readonly { name: string; component: 'main' | 'non-free-firmware' }[] = []
