import { expect, test } from 'vitest'
import { until } from './support/until.ts'
import { buildVariant } from './support/variant.ts'
import { withLab } from './support/with-lab.ts'

test('ssh: a key of ssh.authorizedKeys gets in, a password does not; without keys nothing listens', async () => {
  await withLab({ nodes: 1, medium: 'kernel' }, async (lab) => {
    const plain = lab.node(1)
    const made = await plain.exec('dropbearkey -t ed25519 -f /run/user.key')
    const publicKey = made.stdout.split('\n').find((line) => line.startsWith('ssh-ed25519 ')) ?? ''
    const iso = await buildVariant('ssh', `ssh:\n  authorizedKeys:\n    - ${publicKey}\n`)
    const open = await lab.add({ medium: 'kernel', iso })
    const { fields } = await open.waitForStage('ready')
    const address = fields['addr'] ?? ''
    await plain.waitForStage('ready')
    const connect = (target: string, how: string): string => `dbclient -y ${how} root@${target} hostname < /dev/null`

    // ssh starts when the node has settled, after `ready`.
    await until('ssh lets the key in', 60, async () => (await plain.exec(connect(address, '-i /run/user.key'))).exitCode === 0)
    expect((await plain.exec(connect(address, '-i /run/user.key'))).stdout).toBe((await open.exec('hostname')).stdout)
    expect((await plain.exec(connect(address, ''))).exitCode).not.toBe(0)
    const own = (await plain.waitForStage('ready')).fields['addr'] ?? ''
    expect((await open.exec(`nc -w 3 ${own} 22 < /dev/null`)).exitCode).not.toBe(0)
  })
})

test('the firewall lets through what the design names and nothing else', async () => {
  await withLab({ nodes: 2, medium: 'kernel' }, async (lab) => {
    const [server, client] = [lab.node(1), lab.node(2)]
    await Promise.all(lab.nodes.map((node) => node.waitForStage('joined')))
    await server.exec('for port in 2049 4660 7373 8080; do nc -l -p $port < /dev/null > /dev/null 2>&1 & done')
    const address = (await server.waitForStage('ready')).fields['addr'] ?? ''
    const reached = await client.exec(`for port in 2049 4660 7373 7946 8080; do nc -w 3 ${address} $port < /dev/null > /dev/null 2>&1 && echo $port; done; ping -c 1 -w 5 ${address} > /dev/null && echo ping`)
    expect(reached.stdout.trim().split('\n')).toEqual(['7946', 'ping'])
    const listening = await server.exec("netstat -ltn | awk '$4 !~ /^127\\.|^::1/ && NR > 2 {print $4}'")
    expect(listening.stdout).toMatch(/:7946/)
  })
})
