/**
 * Maintainer scripts are not run. This reads what they would have done: what can be done without them (alternatives, users), and what is left
 * to tell the user of. It looks for commands line by line and takes every branch of a script as gone through.
 */

export interface Alternative {
  /** The path that gets the choice, as in `/usr/bin/cc`. */
  link: string
  target: string
  priority: number
}

export interface SystemUser {
  name: string
  kind: 'user' | 'group'
  home: string
}

export interface ScriptFindings {
  alternatives: Alternative[]
  users: SystemUser[]
  /** What is not done, for people to read. */
  left: string[]
}

/** Commands that matter, in the words of {@link ScriptFindings.left}. */
const MATTERS: readonly { command: RegExp; what: string }[] = [
  { command: /\b(deb-systemd-helper|deb-systemd-invoke|invoke-rc\.d|update-rc\.d|systemctl)\b/, what: 'it starts a service: do that from etc/plump/start.d' },
  { command: /\b(db_get|db_input|db_go)\b/, what: 'it asks for settings: the program\'s own defaults are in force' },
  { command: /\b(chown|chgrp|setcap|dpkg-statoverride)\b/, what: 'it changes owners or rights of files' },
  { command: /^\s*(install|cp|ln|mkdir|touch|mknod)\s|>\s*"?\/(etc|var|usr)\//m, what: 'it makes files' },
  { command: /\b(update-ca-certificates|fc-cache|glib-compile-schemas|update-mime-database|gtk-update-icon-cache|update-texmf|mktexlsr|texhash|locale-gen|newaliases)\b/, what: 'it makes a cache or index of its own' },
]

/** Scripts that were read, and do nothing that a node misses. */
const READ: Readonly<Record<string, string>> = {
  'python3': 'byte-compiles, and writes the settings of doing that',
  'python3-minimal': 'byte-compiles',
  'python3.13': 'byte-compiles',
  'python3.13-minimal': 'byte-compiles, and makes an empty folder in /usr/local',
  'libpython3.13-minimal': 'byte-compiles',
  'tzdata': 'sets the time zone, and UTC is what there is without it',
  'readline-common': 'copies an example of settings',
  'netbase': 'makes /etc/hosts, which the node has',
}

/** What the postinst of a package would have done. */
export function readPostinst(packageName: string, script: string): ScriptFindings {
  const text = script.replaceAll(/\\\n/g, ' ').replaceAll(/(^|\s)#.*$/gm, '')
  const accounts = findUsers(text)
  const left = READ[packageName] === undefined ? MATTERS.filter(({ command }) => command.test(text)).map(({ what }) => what) : []
  const alternatives = findAlternatives(text)
  return {
    alternatives: alternatives.filter(({ link, target }) => !/[$`"']/.test(link + target)),
    users: accounts.users,
    left: [
      ...(alternatives.some(({ link, target }) => /[$`"']/.test(link + target)) ? ['it sets alternatives whose names only it knows'] : []),
      ...(accounts.unclear ? ['it makes users or groups whose names only it knows'] : []),
      ...left,
    ],
  }
}

function findAlternatives(text: string): Alternative[] {
  return [...text.matchAll(/--install\s+(\S+)\s+\S+\s+(\S+)\s+(\d+)/g)].map(([, link = '', target = '', priority]) => ({ link, target, priority: Number(priority) }))
}

const ACCOUNT_OPTIONS_WITH_VALUE = new Set(['--home', '--shell', '--gecos', '--comment', '--uid', '--gid', '--ingroup', '--firstuid', '--lastuid', '-d', '-s', '-c', '-u', '-g'])

function findUsers(text: string): { users: SystemUser[]; unclear: boolean } {
  const users: SystemUser[] = []
  let unclear = false
  for (const [, command = '', rest = ''] of text.matchAll(/(?:^|[\s;|&(])(adduser|useradd|addgroup|groupadd)\s+([^\n;|&)]*)/g)) {
    const words = rest.trim().split(/\s+/)
    const names = words.filter((word, index) => !word.startsWith('-') && !ACCOUNT_OPTIONS_WITH_VALUE.has(words[index - 1] ?? '') && !/[<>]/.test(word))
    const name = names[0] ?? ''
    if (!/^[a-z_][a-z0-9_-]{0,31}$/.test(name) || names.length > 1) {
      unclear = true
      continue
    }
    const home = /(?:--home|-d)[\s=]+(\/[\w./-]*)/.exec(rest)?.[1] ?? '/nonexistent'
    users.push({ name, kind: command.includes('group') ? 'group' : 'user', home })
  }
  return { users, unclear }
}

/** Users and groups of a sysusers.d file (sysusers.d(5)): `u NAME …` and `g NAME …`. */
export function readSysusers(text: string): SystemUser[] {
  return [...text.matchAll(/^(u!?|g)[ \t]+([a-z_][a-z0-9_-]*)[ \t]+\S+(?:[ \t]+(?:"[^"]*"|\S+)(?:[ \t]+(\S+))?)?/gm)]
    .map(([, type = '', name = '', home = '-']) => ({ name, kind: type === 'g' ? 'group' as const : 'user' as const, home: home.startsWith('/') ? home : '/nonexistent' }))
}

/** For each link the target of highest priority; of equals the first by name. */
export function chooseAlternatives(all: readonly Alternative[]): Alternative[] {
  const chosen = new Map<string, Alternative>()
  for (const each of all.toSorted((a, b) => b.priority - a.priority || (a.target < b.target ? -1 : 1))) {
    if (!chosen.has(each.link)) chosen.set(each.link, each)
  }
  return [...chosen.values()].toSorted((a, b) => (a.link < b.link ? -1 : 1))
}

const FIRST_ID = 100

/** Lines of passwd, group and shadow for system users and groups, with ids from 100 in the order of their names. A user has a group of its name. */
export function accountLines(users: readonly SystemUser[], taken: ReadonlySet<string>): { passwd: string[]; group: string[]; shadow: string[] } {
  const names = [...new Set(users.map(({ name }) => name))].filter((name) => !taken.has(name)).toSorted()
  const lines = { passwd: [] as string[], group: [] as string[], shadow: [] as string[] }
  for (const [index, name] of names.entries()) {
    const id = FIRST_ID + index
    lines.group.push(`${name}:x:${id}:`)
    const user = users.find((each) => each.name === name && each.kind === 'user')
    if (!user) continue
    lines.passwd.push(`${name}:x:${id}:${id}:${name}:${user.home}:/usr/sbin/nologin`)
    lines.shadow.push(`${name}:*:20089:0:99999:7:::`)
  }
  return lines
}
