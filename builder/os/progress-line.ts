/** Tells on stderr how far some work is: one line that is written over on a terminal, else a line at each tenth. */
export function progressLine(stream: NodeJS.WriteStream = process.stderr): { tell(what: string, done: number, total: number): void; end(): void } {
  let shown = ''
  return {
    tell(what, done, total) {
      const percent = total === 0 ? 100 : Math.floor((done / total) * 100)
      const text = `${what} ${String(stream.isTTY ? percent : percent - (percent % 10)).padStart(3)} %`
      if (text === shown) return
      shown = text
      stream.write(stream.isTTY ? `\r\u001B[K${text}` : `${text}\n`)
    },
    end() {
      if (stream.isTTY && shown !== '') stream.write('\n')
      shown = ''
    },
  }
}
