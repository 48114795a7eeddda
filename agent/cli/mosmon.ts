import type { NodeRow } from '../../schema/balance-api.ts'
import { ask, follow } from './agent-client.ts'
import { barChart, FIGURES } from './bar-chart.ts'
import type { ChartView, Figure } from './bar-chart.ts'
import { nodeRows } from './nodes.ts'
import { jsonOption } from './verb.ts'
import { describeEvent } from './watch.ts'
import type { Verb } from './verb.ts'

const REDRAW_MS = 1_000
const PLAIN_SIZE = { columns: 80, rows: 20 }

export const mosmon: Verb = {
  name: 'mosmon',
  usage: '[-s | -m | -u | -L] [-t] [-d] [--json]',
  summary: 'the load of all nodes as bars',
  details: [
    "A full-screen monitor like the seed's. Keys: l load, L load on a logarithmic scale, s speed, m memory, u utilisation, t totals, d nodes that are down",
    'too, the arrows (or < and >) go along the nodes when they do not fit, h lists the keys, Enter draws anew, q leaves. Below the bars stand the last',
    'moves, refusals and changes of members, as they happen. When the output is no terminal, the bars are printed once.',
  ].join('\n'),
  options: {
    speed: { type: 'boolean', short: 's', help: 'begin with speed' },
    memory: { type: 'boolean', short: 'm', help: 'begin with memory' },
    utilisation: { type: 'boolean', short: 'u', help: 'begin with utilisation' },
    logarithmic: { type: 'boolean', short: 'L', help: 'begin with load on a logarithmic scale' },
    total: { type: 'boolean', short: 't', help: 'show totals' },
    dead: { type: 'boolean', short: 'd', help: 'show nodes that are down too' },
    json: jsonOption,
  },
  wordsLimit: 0,
  async run({ options, print, socketPath }) {
    const rows = async (): Promise<NodeRow[]> => nodeRows(await ask(socketPath, 'nodes'), await ask(socketPath, 'loads'))
    const view: ChartView = { figure: FIGURES.find((figure) => options[figure] === true) ?? 'load', total: options.total === true, dead: options.dead === true }
    if (options.json === true) return print(JSON.stringify(await rows(), null, 2))
    if (!process.stdout.isTTY || !process.stdin.isTTY) return print(barChart(await rows(), view, PLAIN_SIZE).join('\n'))
    await fullScreen(rows, view, socketPath)
  },
}

/** Draws until q or Ctrl-C; the screen is as before afterwards. */
async function fullScreen(rows: () => Promise<NodeRow[]>, first: ChartView, socketPath: string): Promise<void> {
  const { stdin, stdout } = process
  let view: MonitorView = { ...first, help: false }
  let known = await rows()
  const events: string[] = []
  const draw = (): void => {
    const lines = screen(known, events, view, sizeOf(stdout))
    stdout.write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join('\r\n')}\x1b[J`)
  }
  stdout.write('\x1b[?1049h\x1b[?25l')
  stdin.setRawMode(true)
  const timer = setInterval(() => {
    rows().then((fresh) => {
      known = fresh
      draw()
    }, () => undefined)
  }, REDRAW_MS)
  follow(socketPath, 'watch', {}, (event) => {
    events.push(`${event.time.slice(11, 19)} ${describeEvent(event)}`)
    if (events.length > EVENTS_KEPT) events.shift()
    draw()
  }).catch(() => undefined)
  stdout.on('resize', draw)
  try {
    draw()
    for await (const piece of stdin) {
      for (const key of String(piece).match(KEY) ?? []) {
        if (key === 'q' || key === '\x03') return
        view = afterKey(view, key)
      }
      draw()
    }
  } finally {
    clearInterval(timer)
    stdin.setRawMode(false)
    stdout.write('\x1b[?25h\x1b[?1049l')
    // The connection that brings events would keep the program.
    process.exit(0)
  }
}

/** A serial line does not know how large the terminal on its other end is: 0 by 0. */
export function sizeOf({ columns, rows }: { columns: number; rows: number }): { columns: number; rows: number } {
  return columns > 0 && rows > 0 ? { columns, rows } : { columns: 80, rows: 24 }
}

export interface MonitorView extends ChartView {
  help: boolean
}

/** An arrow, or any other key. */
const KEY = new RegExp(`${String.fromCodePoint(27)}\\[[A-D]|[^]`, 'g')
const EVENTS_KEPT = 50
/** The bars keep this many rows before any event is shown. */
const BARS_AT_LEAST = 10
const EVENTS_SHOWN = 5

const HELP = [
  'l  load                        t  totals',
  'L  load, logarithmic           d  nodes that are down too',
  's  speed                       <  >  or arrows: other nodes',
  'm  memory                      Enter  draw anew',
  'u  utilisation                 q  leave          h  this list',
]

/** Bars above, what happened last below, as far as there is room. */
export function screen(rows: readonly NodeRow[], events: readonly string[], view: MonitorView, size: { columns: number; rows: number }): string[] {
  const below = view.help ? HELP : events.slice(-EVENTS_SHOWN)
  const room = Math.max(0, Math.min(below.length, size.rows - BARS_AT_LEAST - 1))
  const shown = room === 0 ? [] : ['', ...below.slice(-room)]
  const bars = barChart(rows, view, { columns: size.columns, rows: size.rows - shown.length })
  return [...bars, ...shown].map((line) => line.slice(0, size.columns))
}

const KEYS: Readonly<Record<string, Figure>> = { l: 'load', L: 'logarithmic', s: 'speed', m: 'memory', u: 'utilisation' }
const SCROLLS: Readonly<Record<string, number>> = { '\x1b[C': 1, '>': 1, '\x1b[D': -1, '<': -1 }

/** The view after a key of the seed's monitor. */
export function afterKey(view: MonitorView, key: string): MonitorView {
  const figure = KEYS[key]
  if (figure !== undefined) return { ...view, figure }
  const scroll = SCROLLS[key]
  if (scroll !== undefined) return { ...view, scrolled: Math.max(0, (view.scrolled ?? 0) + scroll) }
  if (key === 't') return { ...view, total: !view.total }
  if (key === 'h') return { ...view, help: !view.help }
  return key === 'd' ? { ...view, dead: !view.dead } : view
}
