import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { wpaConfig } from '../../agent/wifi/wpa-config.ts'
import { loadConfig } from '../../builder/config/load-config.ts'
import { wifiFile, withoutSecrets } from '../../builder/config/wifi-secrets.ts'
import { firmwarePackages } from '../../builder/debian/firmware-packages.ts'
import { imageSettings } from '../../builder/config/image-settings.ts'
import { nodeJson } from '../../builder/image/node-json.ts'
import { secretsOf } from '../../builder/pipeline/build.ts'
import { wifiFileSchema } from '../../schema/network.ts'

const PASSWORD = 'correct horse "battery"'
const text = `nics:\n  set: all\nnetwork:\n  wifi:\n    - { ssid: Büro, psk: '${PASSWORD}' }\n    - { ssid: open }\n`
const config = loadConfig(text, 'plump.yaml')

describe('the password of a Wi-Fi network', () => {
  test('is in the secret file and nowhere else', () => {
    expect(wifiFileSchema.parse(JSON.parse(wifiFile(config) ?? ''))).toEqual([{ ssid: 'Büro', psk: PASSWORD }, { ssid: 'open' }])
    const shown = withoutSecrets(config)
    expect(shown.network.wifi).toEqual([{ ssid: 'Büro', psk: '(hidden)' }, { ssid: 'open' }])
    for (const told of [JSON.stringify(shown), JSON.stringify(imageSettings(shown)), nodeJson(shown, '0', '0123456789abcdef')]) expect(told).not.toContain('horse')
  })

  test('makes the ISO a secret', () => {
    expect(secretsOf({ clusterKey: undefined, wifi: wifiFile(config) })).toEqual(['wifi-passwords'])
    expect(secretsOf({ clusterKey: 'key', wifi: wifiFile(config) })).toEqual(['cluster-key', 'wifi-passwords'])
    expect(secretsOf({ clusterKey: undefined, wifi: wifiFile(loadConfig('', 'plump.yaml')) })).toEqual([])
  })

  test.each([
    ['network:\n  wifi:\n    - { ssid: a }\n', ':2: network.wifi: Wi-Fi needs its drivers and programs: set nics.set to all'],
    ['nics:\n  set: all\nnetwork:\n  wifi:\n    - { ssid: a, psk: short }\n', 'network.wifi.0.psk: a Wi-Fi password has 8 to 63'],
    [`nics:\n  set: all\nnetwork:\n  wifi:\n    - { ssid: ${'ä'.repeat(17)} }\n`, 'network.wifi.0.ssid: the name of a Wi-Fi network has up to 32 bytes'],
  ])('a configuration that cannot work is refused: %j', (wrong, message) => {
    expect(() => loadConfig(wrong, 'plump.yaml')).toThrow(message)
  })
})

describe('wpa_supplicant', () => {
  test('gets names in hexadecimal, passwords in quotes, the first network preferred', async () => {
    await expect(wpaConfig([{ ssid: 'Büro', psk: PASSWORD }, { ssid: 'raw', psk: 'ab'.repeat(32) }, { ssid: 'open' }])).toMatchFileSnapshot('../fixtures/wifi/wpa_supplicant.conf')
  })

  test('no name or password can add a line of its own', () => {
    fc.assert(fc.property(fc.string({ minLength: 1 }), fc.stringMatching(/^[ -~]{8,63}$/), (ssid, psk) => {
      expect(wpaConfig([{ ssid, psk }]).split('\n')).toHaveLength(11)
    }))
  })
})

test('Wi-Fi firmware is for nics.set: all alone, and non-free firmware for who wants it', () => {
  expect(firmwarePackages({ set: 'wired', firmware: 'all' })).not.toContain('firmware-iwlwifi')
  expect(firmwarePackages({ set: 'all', firmware: 'nonfree' })).toEqual(expect.arrayContaining(['firmware-iwlwifi', 'firmware-realtek', 'wireless-regdb']))
  expect(firmwarePackages({ set: 'all', firmware: 'free' })).toEqual(['firmware-linux-free', 'wireless-regdb', 'firmware-ath9k-htc', 'firmware-carl9170'])
})
