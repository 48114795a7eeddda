import type { BuildFigures } from './build-figures.ts'
import type { NodeFigures } from './node-figures.ts'

/** Everything `./plump bench` measures, all in one run on one machine. */
export interface BenchFigures {
  build: BuildFigures
  node: NodeFigures
}

interface Row {
  what: string
  measured: string
  /** What we mean to reach, where there is a goal. */
  goal: string
}

const MB = 1_000_000

/** The figures beside their goals, as an aligned text table. */
export function benchTable({ build, node }: BenchFigures): string {
  const rows: Row[] = [
    { what: 'ISO, all wired and USB cards', measured: megabytes(build.isoBytes), goal: '<= 82 MB' },
    ...Object.entries(build.isoBytesByCause).sort((a, b) => b[1] - a[1]).map(([cause, bytes]) => ({ what: `  ${cause}`, measured: megabytes(bytes), goal: '' })),
    { what: 'ISO, nics.set: pc', measured: megabytes(build.pcIsoBytes), goal: '<= 76 MB' },
    { what: 'cold build, packages downloaded', measured: seconds(build.coldBuildSeconds), goal: '<= 50 s' },
    { what: 'build after a change of the agent', measured: seconds(build.warmBuildSeconds), goal: '<= 7 s' },
    { what: 'build with nothing changed', measured: seconds(build.unchangedBuildSeconds), goal: '' },
    {
      what: 'cold build with three kernels', goal: '<= 1.6 x',
      measured: `${seconds(build.threeKernelsBuildSeconds)} = ${(build.threeKernelsBuildSeconds / build.coldBuildSeconds).toFixed(2)} x one`,
    },
    { what: 'ISO with three kernels (debian, rt, cloud)', measured: megabytes(build.threeKernelsIsoBytes), goal: '' },
    ...Object.entries(build.nicFamilyBytes).map(([family, bytes]) => ({ what: `  cards, ${family}`, measured: megabytes(bytes), goal: '' })),
    { what: 'package add --iso, a package of 8 MB', measured: seconds(build.packageAddSeconds), goal: '<= 5 s' },
    { what: 'ISO with python3, perl and gcc', measured: megabytes(build.packagesIsoBytes), goal: '' },
    ...Object.entries(build.packageBytes).map(([name, bytes]) => ({ what: `  ${name}`, measured: megabytes(bytes), goal: '' })),
    ...Object.entries(node.stageSeconds).map(([stage, at]) => ({
      what: `stage ${stage}`, measured: `${seconds(at)} = ${node.stageRatios[stage]} x initramfs`, goal: stage === 'ready' ? '<= 4 x' : '',
    })),
    { what: 'RAM used at ready', measured: megabytes(node.usedKiBAtReady * 1024), goal: '<= 100 MB' },
    { what: 'address to joined, second node', measured: seconds(node.joinSeconds), goal: '<= 5 s' },
    { what: 'power-on to ready, over the network', measured: seconds(node.netbootReadySeconds), goal: '' },
  ]
  const width = (pick: (row: Row) => string): number => Math.max(...rows.map((row) => pick(row).length))
  const [whatWidth, measuredWidth] = [width((row) => row.what), width((row) => row.measured)]
  return rows.map((row) => `${row.what.padEnd(whatWidth)}  ${row.measured.padStart(measuredWidth)}  ${row.goal}`.trimEnd()).join('\n')
}

function megabytes(bytes: number): string {
  return `${(bytes / MB).toFixed(1)} MB`
}

function seconds(value: number): string {
  return `${value.toFixed(1)} s`
}
