/** Reads what xorriso tells of an ISO (its `-report_el_torito plain`, `-report_system_area plain` and `report_lba`). */

const SECTOR_BYTES = 2048
const GPT_SECTOR_BYTES = 512
/** GPT type GUID of an EFI system partition, as xorriso prints it. */
const ESP_TYPE = '28732ac11ff8d211ba4b00a0c93ec93b'

/** A file of an ISO and where its bytes are. */
export interface IsoFile {
  /** Without leading slash. */
  path: string
  offsetBytes: number
  bytes: number
}

/** The files of an ISO, sorted by path. One whose bytes lie in several pieces, as above 4 GB, is left out. */
export function parseFiles(report: string): IsoFile[] {
  const lines = [...report.matchAll(/^File data lba: +(\d+) , +(\d+) , +\d+ , +(\d+) , '(.*)'$/gm)]
  const pieces = new Map<string, number>()
  for (const [, , , , path = ''] of lines) pieces.set(path, (pieces.get(path) ?? 0) + 1)
  return lines.filter(([, , , , path = '']) => pieces.get(path) === 1).map(([, , start, bytes, path = '']) => ({
    path: path.replaceAll("'\"'\"'", "'").replace(/^\//, ''), offsetBytes: Number(start) * SECTOR_BYTES, bytes: Number(bytes),
  })).toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

/** How an ISO's boot sectors and tables say that it starts. */
export interface BootTables {
  biosCd: boolean
  biosDisk: boolean
  uefiCd: boolean
  uefiDisk: boolean
  /** Where the EFI system partition begins, when there is one. */
  espOffsetBytes: number | undefined
}

export function parseBootTables(report: string): BootTables {
  const elTorito = [...report.matchAll(/^El Torito boot img +: +\d+ +(BIOS|UEFI) +y .* (\d+)$/gm)]
  const uefiImage = elTorito.find(([, platform]) => platform === 'UEFI')
  const espNumber = new RegExp(`^GPT type GUID +: +(\\d+) +${ESP_TYPE}$`, 'm').exec(report)?.[1]
  const espStart = espNumber === undefined ? undefined : new RegExp(`^GPT start and size +: +${espNumber} +(\\d+) `, 'm').exec(report)?.[1]
  const fromCd = uefiImage?.[2] === undefined ? undefined : Number(uefiImage[2]) * SECTOR_BYTES
  return {
    biosCd: elTorito.some(([, platform]) => platform === 'BIOS'),
    biosDisk: /^System area summary:.*\bgrub2-mbr\b/m.test(report),
    uefiCd: uefiImage !== undefined,
    uefiDisk: espStart !== undefined,
    espOffsetBytes: espStart === undefined ? fromCd : Number(espStart) * GPT_SECTOR_BYTES,
  }
}
