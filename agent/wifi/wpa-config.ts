import type { WifiNetwork } from '../../schema/network.ts'

/**
 * The configuration of wpa_supplicant (wpa_supplicant.conf(5)) for these networks, the first preferred. A name is written in hexadecimal, which
 * needs no quoting; a password stands between the first and the last quote of its line, so that it may hold quotes itself.
 */
export function wpaConfig(networks: readonly WifiNetwork[]): string {
  const blocks = networks.map(({ ssid, psk }, index) => [
    'network={',
    `\tssid=${Buffer.from(ssid, 'utf8').toString('hex')}`,
    // Asks for it by name as well: some networks do not tell theirs.
    '\tscan_ssid=1',
    `\tpriority=${networks.length - index}`,
    ...(psk === undefined ? ['\tkey_mgmt=NONE'] : [`\tpsk=${isRawKey(psk) ? psk : `"${psk}"`}`, ...securityOf(psk)]),
    '}',
  ])
  return ['ctrl_interface=/run/plump/wifi/control', 'update_config=0', ...blocks.flat(), ''].join('\n')
}

/** WPA3 (SAE) needs the password itself; frames that manage the connection are protected where the other side can (802.11w). */
function securityOf(psk: string): string[] {
  return isRawKey(psk) ? ['\tkey_mgmt=WPA-PSK WPA-PSK-SHA256', '\tieee80211w=1'] : ['\tkey_mgmt=WPA-PSK WPA-PSK-SHA256 SAE', '\tieee80211w=1']
}

function isRawKey(psk: string): boolean {
  return /^[0-9a-fA-F]{64}$/.test(psk)
}
