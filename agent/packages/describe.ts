import type { UnpackedPackage } from '../../schema/package-report.ts'

const MB = 1_000_000

/** The console line of a package: what became of it, and what to do if that was nothing good. */
export function describePackage(unpacked: UnpackedPackage, uptimeSeconds: number): string {
  return `plump: package t=${uptimeSeconds.toFixed(2)} ${unpacked.source} ${outcome(unpacked)}`
}

function outcome({ source, state, files, bytes, entry, why = '' }: UnpackedPackage): string {
  switch (state) {
    case 'unpacked': return `unpacked, ${files} file${files === 1 ? '' : 's'}, ${(bytes / MB).toFixed(1)} MB`
    case 'refused': return `refused because of ${entry}: ${why}`
    case 'missing': return source.startsWith('data:')
      ? `is missing: ${why}; plug in the disk whose partition labelled PLUMPDATA has it in packages/, then restart`
      : `is missing: ${why}; put it where packages/list says`
    case 'broken': return `cannot be unpacked: ${why}`
  }
}
