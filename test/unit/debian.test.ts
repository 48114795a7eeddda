import { createServer, type RequestListener } from 'node:http'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { checkLibraries } from '../../builder/debian/check-libraries.ts'
import { dependencyNames, parseStanzas } from '../../builder/debian/control.ts'
import { spdxExpression } from '../../builder/debian/copyright.ts'
import { downloadAll, downloadPath, type DownloadOptions } from '../../builder/debian/download.ts'
import { elfNeeds } from '../../builder/debian/elf.ts'
import { chooseMirrors, sourcesList } from '../../builder/debian/mirrors.ts'
import type { PackageRecord } from '../../builder/debian/package-record.ts'
import { parseUris } from '../../builder/debian/resolve.ts'
import { mergedPath } from '../../builder/debian/unpack.ts'
import { whyLeftOut } from '../../builder/debian/unpack-filter.ts'
import { temporaryFolder } from './pipeline-helpers.ts'

test('control stanzas: fields, continuation lines, several stanzas', () => {
  const stanzas = parseStanzas('Package: dash\nVersion: 1\nDescription: shell\n POSIX\n .\n more\n\n\nPackage: b\nDepends: dpkg (>= 1), perl:any | zsh\n')
  expect(stanzas.map((stanza) => stanza.get('Package'))).toEqual(['dash', 'b'])
  expect(stanzas[0]?.get('Description')).toBe('shell\nPOSIX\n.\nmore')
  expect(dependencyNames(stanzas[1]?.get('Depends') ?? '')).toEqual(['dpkg', 'perl'])
})

test('URIs that apt prints, by hash', () => {
  const hash = 'ab'.repeat(32)
  expect(parseUris(`'http://m/pool/d/dash_1%2b2_amd64.deb' dash_1+2_amd64.deb 98504 SHA256:${hash}\nReading…\n`)).toEqual(new Map([[hash, 'http://m/pool/d/dash_1%2b2_amd64.deb']]))
})

describe('mirrors', () => {
  const machine = 'Ubuntu|Ubuntu|http://u/\nDebian|Debian|http://d/debian/\nDebian|Debian-Security|http://d/security/\n'

  test('are those of the machine\'s own apt', () => {
    expect(chooseMirrors({ suite: 'trixie' }, machine)).toEqual({ main: 'http://d/debian', security: 'http://d/security' })
  })

  test('base.mirror goes before them, and security updates lie beside it', () => {
    expect(chooseMirrors({ suite: 'trixie', mirror: 'http://m/debian/' }, machine)).toEqual({ main: 'http://m/debian', security: 'http://m/debian-security' })
    expect(chooseMirrors({ suite: 'trixie', mirror: 'http://m/debian', securityMirror: 'http://s/' }, '')).toEqual({ main: 'http://m/debian', security: 'http://s' })
  })

  test('none on a machine without Debian sources is an error that says what to write', () => {
    expect(() => chooseMirrors({ suite: 'trixie' }, 'Ubuntu|Ubuntu|http://u/\n')).toThrow(expect.objectContaining({ code: 'NO_MIRROR', fix: expect.stringContaining('base.mirror'), exitCode: 2 }))
  })

  test('are asked for the suite, its updates and its security updates', () => {
    expect(sourcesList({ main: 'http://m', security: 'http://s' }, 'trixie', '/k.gpg')).toBe([
      'deb [signed-by=/k.gpg] http://m trixie main non-free-firmware',
      'deb [signed-by=/k.gpg] http://m trixie-updates main non-free-firmware',
      'deb [signed-by=/k.gpg] http://s trixie-security main non-free-firmware',
      '',
    ].join('\n'))
  })
})

test('documentation, locales and other init systems do not go into the root, programs and libraries do', () => {
  for (const path of ['usr/share/doc/dash/copyright', 'usr/share/man/man1/dash.1.gz', 'usr/share/locale/de/LC_MESSAGES/x.mo', 'usr/lib/systemd/system/x.service', 'usr/lib/x86_64-linux-gnu/gconv/UTF-16.so', 'usr/lib/x86_64-linux-gnu/libmemusage.so']) {
    expect(whyLeftOut(path)).not.toBeUndefined()
  }
  for (const path of ['usr/bin/dash', 'usr/sbin/nft', 'usr/lib/x86_64-linux-gnu/libc.so.6', 'usr/lib/x86_64-linux-gnu/libtinfo.so.6.5', 'usr/lib/x86_64-linux-gnu/libresolv.so.2']) {
    expect(whyLeftOut(path)).toBeUndefined()
  }
})

test('packages that are not merged yet land in the merged /usr', () => {
  expect(mergedPath('lib/x86_64-linux-gnu/libc.so.6')).toBe('usr/lib/x86_64-linux-gnu/libc.so.6')
  expect(mergedPath('etc/passwd')).toBe('etc/passwd')
  expect(mergedPath('library/x')).toBe('library/x')
})

describe('ELF', () => {
  test('the Node that runs this test asks for the C library and a linker', () => {
    const needs = elfNeeds(readFileSync(process.execPath))
    expect(needs?.libraries).toContain('libc.so.6')
    expect(needs?.interpreter).toBe('/lib64/ld-linux-x86-64.so.2')
  })

  test('bytes that are no ELF file are not one, cut-short ones are an error or need nothing', () => {
    const head = readFileSync(process.execPath).subarray(0, 4096)
    expect(elfNeeds(Buffer.from('#!/bin/sh\n'))).toBeUndefined()
    fc.assert(fc.property(fc.nat(4096), fc.nat(4095), fc.nat(255), (length, at, value) => {
      const bytes = Buffer.from(head)
      bytes[at] = value
      try {
        expect(elfNeeds(bytes.subarray(0, length))?.libraries ?? []).toBeInstanceOf(Array)
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError)
      }
    }))
  })

  test('a missing library is named with the program that asks for it; unused ones are told', () => {
    const programs = [{ path: 'usr/bin/serf', needs: { libraries: ['libc.so.6', 'libz.so.1'], interpreter: '/lib64/ld.so' } }]
    const libraries = new Map([['libc.so.6', 'usr/lib/libc.so.6'], ['libold.so', 'usr/lib/libold.so.1'], ['ld.so', 'usr/lib/ld.so']])
    expect(() => checkLibraries(programs, libraries, [])).toThrow(expect.objectContaining({ code: 'LIBRARY_MISSING', message: expect.stringContaining('/usr/bin/serf needs libz.so.1') }))
    libraries.set('libz.so.1', 'usr/lib/libz.so.1.3')
    expect(checkLibraries(programs, libraries, [])).toEqual(['usr/lib/libold.so.1'])
    expect(checkLibraries(programs, libraries, ['libold.so'])).toEqual([])
  })
})

test('licences of machine-readable copyright files', () => {
  const file = (...licenses: string[]): string => ['Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/', ...licenses.map((license) => `Files: *\nCopyright: x\nLicense: ${license}`)].join('\n\n')
  expect(spdxExpression(file('GPL-2+'))).toBe('GPL-2.0-or-later')
  expect(spdxExpression(file('GPL-2+', 'Expat', 'GPL-2+'))).toBe('GPL-2.0-or-later AND MIT')
  expect(spdxExpression(file('GPL-2 or Expat', 'ISC'))).toBe('(GPL-2.0-only OR MIT) AND ISC')
  expect(spdxExpression(file('GPL-2+', 'home-made'))).toBeUndefined()
  expect(spdxExpression('This package was debianized by somebody.')).toBeUndefined()
})

describe('download', () => {
  const content = Buffer.from('a package')
  const sha256 = createHash('sha256').update(content).digest('hex')

  async function mirror(answer: RequestListener): Promise<PackageRecord> {
    const server = createServer(answer)
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    return {
      name: 'dash', version: '1', architecture: 'amd64', source: 'dash', filename: 'pool/dash.deb', uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}/dash.deb`,
      sizeBytes: content.length, sha256, use: 'root', component: 'main', section: 'shells',
    }
  }

  function options(folder = temporaryFolder()): DownloadOptions & { told: string[] } {
    const told: string[] = []
    return { folder, signal: new AbortController().signal, onProgress: (done, total) => void told.push(`${done}/${total}`), onDamaged: (name) => void told.push(`damaged ${name}`), told }
  }

  test('is verified, kept, and not repeated', async () => {
    let requests = 0
    const record = await mirror((_, response) => {
      requests++
      response.end(content)
    })
    const first = options()
    await downloadAll([record], first)
    expect(await readFile(downloadPath(first.folder, record))).toEqual(content)
    expect(first.told.at(-1)).toBe('9/9')
    await downloadAll([record], options(first.folder))
    expect(requests).toBe(1)
  })

  test('a damaged one is noticed, told and fetched again', async () => {
    const record = await mirror((_, response) => void response.end(content))
    const setting = options()
    const file = downloadPath(setting.folder, record)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, 'a packagf')
    await downloadAll([record], setting)
    expect(setting.told).toContain('damaged dash')
    expect(await readFile(file)).toEqual(content)
  })

  test('a passing failure is tried again, and what was half received is not counted twice', async () => {
    let requests = 0
    const record = await mirror((_, response) => {
      if (++requests === 1) {
        response.writeHead(200, { 'content-length': content.length })
        response.write(content.subarray(0, 4))
        setImmediate(() => response.destroy())
      } else response.end(content)
    })
    const setting = options()
    await downloadAll([record], setting)
    expect(requests).toBe(2)
    expect(setting.told.at(-1)).toBe('9/9')
  })

  test('404 means that the mirror has moved on', async () => {
    const record = await mirror((_, response) => void response.writeHead(404).end())
    await expect(downloadAll([record], options())).rejects.toMatchObject({ code: 'MIRROR_MOVED_ON', fix: './plump build --refresh' })
  })

  test('forged contents are refused and not kept', async () => {
    const record = await mirror((_, response) => void response.end('A PACKAGE'))
    const setting = options()
    await expect(downloadAll([record], setting)).rejects.toMatchObject({ code: 'WRONG_HASH' })
    expect(await readdir(dirname(downloadPath(setting.folder, record)))).toEqual([])
  })

  test('an interruption ends it and leaves nothing', async () => {
    const controller = new AbortController()
    const record = await mirror((_, response) => {
      response.writeHead(200)
      response.write('a', () => controller.abort())
    })
    const setting = { ...options(), signal: controller.signal }
    await expect(downloadAll([record], setting)).rejects.toMatchObject({ name: 'AbortError' })
    expect(await readdir(dirname(downloadPath(setting.folder, record)))).toEqual([])
  })
})
