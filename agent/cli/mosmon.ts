import type { NodeRow } from '../../schema/balance-api.ts'
import { ask } from './agent-client.ts'
import { barChart, FIGURES } from './bar-chart.ts'
import type { ChartView, Figure } from './bar-chart.ts'
import { nodeRows } from './nodes.ts'
import { jsonOption } from './verb.ts'
import type { Verb } from './verb.ts'

const REDRAW_MS = 1_000
const PLAIN_SIZE = { columns: 80, rows: 20 }

export const mosmon: Verb = {
  name: 'mosmon',
  usage: '[-s | -m | -u | -L] [-t] [-d] [--json]',
  summary: 'the load of all nodes as bars',
  details: 'A full-screen monitor like the seed\'s. Keys: l load, L load on a logarithmic scale, s speed, m memory, u utilisation, t totals, d nodes that are down too, q leaves. When the output is no terminal, the bars are printed once.',
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
    await fullScreen(rows, view)
  },
}

/** Draws until q or Ctrl-C; the screen is as before afterwards. */
async function fullScreen(rows: () => Promise<NodeRow[]>, first: ChartView): Promise<void> {
  const { stdin, stdout } = process
  let view = first
  let known = await rows()
  const draw = (): void => {
    const lines = barChart(known, view, { columns: stdout.columns, rows: stdout.rows })
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
  stdout.on('resize', draw)
  try {
    draw()
    for await (const piece of stdin) {
      for (const key of String(piece)) {
        if (key === 'q' || key === '\x03') return
        view = afterKey(view, key)
      }
      draw()
    }
  } finally {
    clearInterval(timer)
    stdin.setRawMode(false)
    stdin.destroy()
    stdout.write('\x1b[?25h\x1b[?1049l')
  }
}

const KEYS: Readonly<Record<string, Figure>> = { l: 'load', L: 'logarithmic', s: 'speed', m: 'memory', u: 'utilisation' }

/** The view after a key of the seed's monitor. */
export function afterKey(view: ChartView, key: string): ChartView {
  const figure = KEYS[key]
  if (figure !== undefined) return { ...view, figure }
  if (key === 't') return { ...view, total: !view.total }
  return key === 'd' ? { ...view, dead: !view.dead } : view
}
