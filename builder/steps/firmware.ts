import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FIRMWARE_PACKAGES } from '../debian/firmware-packages.ts'
import { filesBelow } from '../image/medium.ts'
import { makeSquashfs, squashfsInputs } from '../image/squashfs.ts'
import { copyFirmware, readStock } from '../kernel/firmware-files.ts'
import { selectFirmware, type FirmwareSelection, type FirmwareWish } from '../kernel/firmware.ts'
import { run } from '../os/run.ts'
import { toolVersions } from '../os/tool-version.ts'
import type { Build } from '../pipeline/build.ts'
import type { Step } from '../pipeline/step.ts'
import { fetchPackages } from './fetch-packages.ts'
import { firmwareWishes } from './firmware-wishes.ts'

/** What was found, for `./plump plan` and the record. */
export interface FirmwareReport {
  /** Files of firmware, without the ending of their compression. */
  firmware: string[]
  /** Firmware that modules name and no package has, by module; most of it is for cards that were never sold. */
  firmwareMissing: FirmwareSelection['missing']
  /** Which module asks for which of them, and how many bytes each takes. */
  firmwareByModule: Record<string, string[]>
  firmwareBytes: Record<string, number>
}

/** With `nics.firmware: all`: modinfo is not complete, and who has a card whose driver asks for more takes every file of the packages. */
const EVERYTHING: FirmwareWish = { name: 'nics.firmware: all', firmware: ['**'] }

/** Packs the firmware for the modules of all kernels. Result: firmware.sqfs, to be mounted on /usr/lib/firmware, and report.json (FirmwareReport). */
export const firmware: Step = {
  id: 'firmware',
  title: 'Pack the firmware',
  needs: [fetchPackages, firmwareWishes],
  codeUrl: import.meta.url,
  inputs: async (build) => ({ 'nics.firmware': build.config.nics.firmware, ...squashfsInputs(build), ...await toolVersions('dpkg-deb', 'xz', 'mksquashfs') }),
  async run({ build, out, result }) {
    const wishes = JSON.parse(await readFile(join(result(firmwareWishes), 'wishes.json'), 'utf8')) as FirmwareWish[]
    const tree = join(out, 'firmware')
    await mkdir(tree)
    const { selection, byModule } = await takeFirmware(build, build.config.nics.firmware === 'all' ? [...wishes, EVERYTHING] : wishes, join(result(fetchPackages), 'debs'), tree)
    await makeSquashfs(build, tree, join(out, 'firmware.sqfs'), { packed: true, pseudo: [] })
    const report: FirmwareReport = {
      firmware: selection.files, firmwareMissing: selection.missing, firmwareByModule: byModule, firmwareBytes: await bytesOfFiles(tree),
    }
    await rm(tree, { recursive: true })
    await writeFile(join(out, 'report.json'), `${JSON.stringify(report, undefined, 1)}\n`)
  },
}

async function takeFirmware(build: Build, wishes: readonly FirmwareWish[], debs: string, target: string): Promise<{ selection: FirmwareSelection; byModule: Record<string, string[]> }> {
  const scratch = await mkdtemp(join(tmpdir(), 'plump-firmware-'))
  try {
    const packages = await unpackFirmware(build, debs, scratch)
    const stock = await readStock(packages)
    const selection = selectFirmware(wishes, stock)
    await copyFirmware(selection, stock, packages, target, build.signal)
    const byModule = Object.fromEntries(wishes.map((wish) => [wish.name, selectFirmware([wish], stock).files] as const).filter(([, files]) => files.length > 0))
    return { selection, byModule }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Bytes of each file, by its name without the ending of its compression. */
async function bytesOfFiles(folder: string): Promise<Record<string, number>> {
  const files = await filesBelow(folder)
  return Object.fromEntries(await Promise.all(files.map(async ({ path, source }) => [path.replace(/\.(?:xz|zst)$/, ''), (await stat(source)).size] as const)))
}

/** Unpacks the firmware packages that were fetched into one tree and gives the folder that corresponds to /usr/lib/firmware. */
async function unpackFirmware(build: Build, debs: string, scratch: string): Promise<string> {
  const folder = join(scratch, 'usr/lib/firmware')
  await mkdir(folder, { recursive: true })
  const fetched = new Set(await readdir(debs))
  const packages = FIRMWARE_PACKAGES.map(({ name }) => `${name}.deb`).filter((file) => fetched.has(file))
  await Promise.all(packages.map((file) => run('dpkg-deb', ['-x', join(debs, file), scratch], { signal: build.signal })))
  await chooseRegulatoryDatabase(folder)
  return folder
}

/** What update-alternatives does on installed systems: the names the kernel asks for. The upstream signature is the one that every kernel knows. */
async function chooseRegulatoryDatabase(folder: string): Promise<void> {
  const names = await readdir(folder)
  for (const name of ['regulatory.db', 'regulatory.db.p7s']) if (names.includes(`${name}-upstream`)) await symlink(`${name}-upstream`, join(folder, name))
}
