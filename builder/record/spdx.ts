import type { PackageRecord } from '../debian/package-record.ts'
import { spdxExpression } from '../debian/copyright.ts'

/** Software of the image that is no Debian package. */
export interface OtherSoftware {
  /** Whether the user added it; names may be the same as those of software that is ours. */
  addOn?: boolean
  name: string
  version: string
  /** SPDX expression, as in package.json. */
  license: string
  /** Package URL, https://github.com/package-url/purl-spec */
  purl: string
  /** Of what went into the image, where it is one file. */
  sha256?: string
}

export interface SpdxInput {
  version: string
  iso: { name: string; sha256: string }
  epochSeconds: number
  suite: string
  debian: readonly PackageRecord[]
  /** Text of the copyright files by package, where the package brings one. */
  copyrights: ReadonlyMap<string, string>
  others: readonly OtherSoftware[]
}

interface SpdxPackage {
  SPDXID: string
  [field: string]: unknown
}

/** The software bill of materials of an ISO: SPDX 2.3 (https://spdx.github.io/spdx-spec/v2.3/), the same for the same ISO. */
export function spdxDocument(input: SpdxInput): object {
  const image: SpdxPackage = {
    SPDXID: 'SPDXRef-image',
    name: input.iso.name,
    versionInfo: input.version,
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    licenseDeclared: 'GPL-2.0-or-later',
    licenseConcluded: 'NOASSERTION',
    copyrightText: 'NOASSERTION',
    checksums: [{ algorithm: 'SHA256', checksumValue: input.iso.sha256 }],
    primaryPackagePurpose: 'OPERATING-SYSTEM',
  }
  const packages = [...input.debian.map((record) => debianPackage(record, input)), ...input.others.map(otherPackage)]
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: input.iso.name,
    documentNamespace: `urn:plump:${input.version}:${input.iso.sha256}`,
    creationInfo: { created: new Date(input.epochSeconds * 1000).toISOString().replace('.000', ''), creators: [`Tool: plump-${input.version}`] },
    packages: [image, ...packages],
    hasExtractedLicensingInfos: [...ownersOfTexts(input)].map(([text, name]) => (
      { licenseId: licenseRef(name), name: `copyright file of Debian package ${name}`, extractedText: text }
    )),
    relationships: [
      relationship('SPDXRef-DOCUMENT', 'DESCRIBES', image.SPDXID),
      ...packages.map(({ SPDXID }) => relationship(image.SPDXID, 'CONTAINS', SPDXID)),
    ],
  }
}

function debianPackage(record: PackageRecord, input: SpdxInput): SpdxPackage {
  return {
    SPDXID: spdxId('debian', record.name),
    name: record.name,
    versionInfo: record.version,
    supplier: 'Organization: Debian',
    downloadLocation: 'NOASSERTION',
    packageFileName: record.filename,
    filesAnalyzed: false,
    licenseDeclared: debianLicense(record, input),
    licenseConcluded: 'NOASSERTION',
    copyrightText: 'NOASSERTION',
    checksums: [{ algorithm: 'SHA256', checksumValue: record.sha256 }],
    sourceInfo: `built from Debian source package ${record.source}`,
    comment: `in the image for: ${record.use}`,
    externalRefs: [purlReference(`pkg:deb/debian/${encodeURIComponent(record.name)}@${encodeURIComponent(record.version)}?arch=${record.architecture}&distro=${input.suite}`)],
  }
}

function debianLicense(record: PackageRecord, input: SpdxInput): string {
  if (record.use === 'kernel') return 'GPL-2.0-only'
  const copyright = input.copyrights.get(record.name)
  if (copyright === undefined) return 'NOASSERTION'
  return spdxExpression(copyright) ?? licenseRef(ownersOfTexts(input).get(copyright) ?? record.name)
}

/**
 * Every copyright file goes in whole, since licences ask that their text goes with the software and the image leaves it out;
 * packages of one source share a file, which goes in once, under the name of the first of them.
 */
function ownersOfTexts({ debian, copyrights }: SpdxInput): Map<string, string> {
  const owners = new Map<string, string>()
  for (const { name } of debian) {
    const text = copyrights.get(name)
    if (text !== undefined && !owners.has(text)) owners.set(text, name)
  }
  return owners
}

/** The entry of software that is no Debian package. */
export function otherPackage(software: OtherSoftware): SpdxPackage {
  return {
    SPDXID: spdxId(software.addOn ? 'add-on' : 'other', software.name),
    name: software.name,
    versionInfo: software.version,
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    licenseDeclared: software.license,
    licenseConcluded: 'NOASSERTION',
    copyrightText: 'NOASSERTION',
    ...software.sha256 === undefined ? {} : { checksums: [{ algorithm: 'SHA256', checksumValue: software.sha256 }] },
    externalRefs: [purlReference(software.purl)],
  }
}

function purlReference(purl: string): object {
  return { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl }
}

export function relationship(from: string, relationshipType: string, to: string): object {
  return { spdxElementId: from, relationshipType, relatedSpdxElement: to }
}

function licenseRef(name: string): string {
  return `LicenseRef-debian-${idText(name)}`
}

function spdxId(kind: string, name: string): string {
  return `SPDXRef-${kind}-${idText(name)}`
}

/** SPDX ids have letters, digits, `.` and `-` only; `+` is spelt out so that libstdc++6 and libstdc6 stay apart. */
function idText(name: string): string {
  return name.replaceAll('+', '-plus').replace(/[^A-Za-z0-9.-]/g, '-')
}
