import type { PlumpYaml } from '../../schema/plump-yaml.ts'

/** Stands for a password wherever the configuration is shown or kept. */
const HIDDEN = '(hidden)'

/** The configuration as everything but the secret file may see it: without the passwords of Wi-Fi networks. */
export function withoutSecrets(config: PlumpYaml): PlumpYaml {
  const wifi = config.network.wifi.map(({ ssid, psk }) => ({ ssid, ...(psk === undefined ? {} : { psk: HIDDEN }) }))
  return { ...config, network: { ...config.network, wifi } }
}

/** The text of plump/wifi.json on the medium, a secret; undefined when there are no Wi-Fi networks. */
export function wifiFile({ network: { wifi } }: PlumpYaml): string | undefined {
  return wifi.length === 0 ? undefined : `${JSON.stringify(wifi)}\n`
}
