import { join } from 'node:path'
import { expect, test } from 'vitest'
import { until } from './support/until.ts'
import { run } from '../../builder/os/run.ts'
import { PROJECT_FOLDER } from '../../builder/version.ts'
import { buildVariant } from './support/variant.ts'
import { withLab } from './support/with-lab.ts'

/** hostapd plays the other side; a node has no use for it. */
const NETWORK = 'packages:\n  debian: [hostapd]\nnics:\n  set: all\n  firmware: free\nnetwork:\n  wifi:\n    - { ssid: spare room, psk: lots of old machines }\n'

/** In a network namespace of its own: the second of two simulated radios becomes an access point with a DHCP server (busybox has one). */
const ACCESS_POINT = `
set -e
mkdir -p /run/ap && cd /run/ap
printf 'interface=wlan1\\nssid=spare room\\nhw_mode=g\\nchannel=1\\nwpa=2\\nwpa_key_mgmt=WPA-PSK\\nrsn_pairwise=CCMP\\nwpa_passphrase=lots of old machines\\n' > hostapd.conf
printf 'interface wlan1\\nstart 10.44.0.100\\nend 10.44.0.110\\nlease_file /run/ap/leases\\npidfile /run/ap/udhcpd.pid\\noption subnet 255.255.255.0\\n' > udhcpd.conf
: > leases
unshare -n sh -c 'echo $$ > pid; exec sleep 3600' > /dev/null 2>&1 &
until [ -s pid ]; do usleep 100000; done
iw phy phy1 set netns $(cat pid)
inside() { nsenter -t $(cat pid) -n "$@"; }
inside ip link set lo up
inside ip link set wlan1 up
inside ip addr add 10.44.0.1/24 dev wlan1
inside /usr/sbin/hostapd -B hostapd.conf
inside udhcpd udhcpd.conf
`

/** ./plump serve on a network with nobody on it, until it has said what it has to say. */
const SERVE_FOR_A_WHILE = `
ip link add lan type veth peer name wire && ip address add 192.168.7.1/24 dev lan && ip link set lan up && ip link set wire up
log=$(mktemp)
"$1" serve "$2" --interface lan >"$log" 2>&1 &
for look in $(seq 240); do grep -q ' serving ' "$log" && break; sleep 0.5; done
kill $!
wait
cat "$log"
rm "$log"
`

test('a Wi-Fi card joins the network of plump.yaml and gets a lease; the password is for root alone', async () => {
  const iso = await buildVariant('wifi', NETWORK)
  const inspected = await run(join(PROJECT_FOLDER, 'plump'), ['inspect', iso])
  expect(inspected).toMatch(/passwords of Wi-Fi networks/)
  expect(inspected).not.toMatch(/lots of old machines/)
  const served = await run('unshare', ['--net', 'sh', '-c', SERVE_FOR_A_WHILE, 'sh', join(PROJECT_FOLDER, 'plump'), iso])
  expect(served).toMatch(/note: this ISO carries the key of its cluster and the passwords of Wi-Fi networks[^]*serving /)

  await withLab({ nodes: 1, medium: 'kernel', nics: 'virtio-net-pci@none', iso }, async (lab) => {
    const node = lab.node(1)
    await node.waitForStage('nics')
    await node.exec('modprobe mac80211_hwsim radios=2')
    await until('two radios are there', 60, async () => (await node.exec('test -e /sys/class/net/wlan0 -a -e /sys/class/net/wlan1')).exitCode === 0)
    const made = await node.exec(ACCESS_POINT, { limitSeconds: 120 })
    expect(made).toMatchObject({ exitCode: 0 })

    const lease = await node.waitForStage('lease', { limitSeconds: 120, where: (line) => line.fields['if'] === 'wlan0' })
    expect(lease.fields).toMatchObject({ server: '10.44.0.1' })
    await node.waitForStage('ready')
    expect((await node.exec('iw dev wlan0 link')).stdout).toMatch(/SSID: spare room/)
    expect((await node.exec('stat -c %a /etc/plump/wifi.json /run/plump/wifi/wpa_supplicant.conf')).stdout).toBe('600\n600\n')
    const holders = await node.exec('grep -rl "lots of old machines" /etc/plump /run/plump/wifi /var/log; plump support - | tar -xzO | grep -c "lots of old machines"')
    expect(holders.stdout.trim().split('\n').toSorted((one, other) => one.localeCompare(other))).toEqual(['/etc/plump/wifi.json', '/run/plump/wifi/wpa_supplicant.conf', '0'].toSorted((one, other) => one.localeCompare(other)))
  })
})
