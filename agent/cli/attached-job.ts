import type { Socket } from 'node:net'
import { writeSync } from 'node:fs'
import type { Job, Outcome } from '../../schema/job.ts'
import type { Signal } from '../../schema/job-signals.ts'
import { NodeError } from '../api/node-error.ts'
import { Acknowledger } from '../jobs/acknowledger.ts'
import { decodePosition, encodeData, encodeJson, encodePosition, FRAME, openLink, type Link, type StreamNumber } from '../jobs/link.ts'
import { INPUT_WINDOW_BYTES, OUTPUT_WINDOW_BYTES, StreamReceiver, StreamSender, type Chunk } from '../jobs/streams.ts'
import type { Frame } from '../peers/frames.ts'
import { openJobs } from './job-client.ts'
import { JobOutput } from './job-output.ts'

const REATTACH_LIMIT_MS = 30_000
const REATTACH_PAUSE_MS = 200
const SUSPEND_CHARACTER = 0x1a

/** What a terminal's keys do reaches the whole foreground group; other signals are meant for the command. */
const GROUP_SIGNALS: readonly Signal[] = ['SIGINT', 'SIGQUIT', 'SIGHUP']
const COMMAND_SIGNALS: readonly Signal[] = ['SIGTERM', 'SIGUSR1', 'SIGUSR2']

/**
 * Joins this process's stdin, stdout, stderr, signals and terminal to its job until that ends, and gives how it ended. A restart of the agent
 * in between goes unnoticed; throws NodeError JOB_OUT_OF_REACH when the agent stays away.
 */
export function attachJob(job: Job, socket: Socket): Promise<Outcome> {
  return new AttachedJob(job).run(socket)
}

class AttachedJob {
  readonly #job: Job
  readonly #input = new StreamSender(INPUT_WINDOW_BYTES)
  readonly #outputs = new Map([[1, this.#output(1)], [2, this.#output(2)]] as const)
  #inputFlows = false
  #link: Link | undefined
  #outcome: Outcome | undefined
  #finished: (() => void) | undefined

  constructor(job: Job) {
    this.#job = job
  }

  async run(first: Socket): Promise<Outcome> {
    this.#openTerminal()
    this.#forwardSignals()
    try {
      for (let socket: Socket | undefined = first; socket !== undefined; socket = await this.#reattach()) {
        await this.#serve(socket)
        if (this.#outcome !== undefined) return await this.#allWritten(this.#outcome)
      }
      throw new NodeError('JOB_OUT_OF_REACH', `the agent went away and did not come back; job ${this.#job.id} may still run`, 'see it with: plump job ls')
    } finally {
      this.#closeTerminal()
    }
  }

  /** Speaks with the agent until the job or the connection ends. */
  #serve(socket: Socket): Promise<void> {
    return new Promise((resolve) => {
      this.#finished = resolve
      this.#link = openLink(socket, {
        frame: (frame) => this.#take(frame),
        output: (chunk) => this.#takeOutput(chunk),
        closed: () => {
          this.#inputFlows = false
          this.#link = undefined
          resolve()
        },
      })
    })
  }

  async #reattach(): Promise<Socket | undefined> {
    const deadline = Date.now() + REATTACH_LIMIT_MS
    while (Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, REATTACH_PAUSE_MS))
      const opened = await openJobs({ request: 'attach', job: this.#job.id }).catch((error: unknown) => {
        if (error instanceof NodeError && error.code === 'NO_JOB') throw error
        return undefined
      })
      if (opened !== undefined) return opened.socket
    }
    return undefined
  }

  #take(frame: Frame): void {
    switch (frame.kind) {
      case FRAME.hello:
        for (const [stream, { receiver }] of this.#outputs) this.#send(FRAME.resume, encodePosition(stream, receiver.nextOffset))
        this.#sendSize()
        return
      case FRAME.resume: return this.#resumeInput(decodePosition(frame.body).offset)
      case FRAME.ack:
        this.#input.acknowledge(decodePosition(frame.body).offset)
        return this.#paceInput()
      case FRAME.suspend:
        if ((JSON.parse(frame.body.toString('utf8')) as { stopped: boolean }).stopped) this.#suspendSelf()
        return
      case FRAME.outcome:
        this.#outcome = JSON.parse(frame.body.toString('utf8')) as Outcome
        this.#link?.close()
        this.#finished?.()
        return
      default:
    }
  }

  #takeOutput({ stream, ...chunk }: Chunk & { stream: StreamNumber }): void {
    if (stream === 0) throw new RangeError('stdin is no output')
    const output = this.#outputs.get(stream)
    const fresh = output?.receiver.take(chunk)
    if (output === undefined || fresh === undefined || fresh.length === 0) return
    const behind = output.receiver.nextOffset
    output.end.write(fresh, () => output.acknowledger.taken(behind))
  }

  #output(stream: 1 | 2): { receiver: StreamReceiver; acknowledger: Acknowledger; end: JobOutput } {
    return {
      receiver: new StreamReceiver(),
      acknowledger: new Acknowledger(OUTPUT_WINDOW_BYTES, (offset) => this.#send(FRAME.ack, encodePosition(stream, offset))),
      // Whoever read our output is gone: the job is to see the same.
      end: new JobOutput(stream === 1 ? process.stdout : process.stderr, () => this.#send(FRAME.gone, encodePosition(stream, 0))),
    }
  }

  #allWritten(outcome: Outcome): Promise<Outcome> {
    return new Promise((resolve) => {
      const look = (): void => {
        if ([...this.#outputs.values()].every(({ end }) => end.isDone)) resolve(outcome)
        else setTimeout(look, 1)
      }
      look()
    })
  }

  #resumeInput(offset: number): void {
    this.#inputFlows = true
    for (const chunk of this.#input.resumeFrom(offset)) this.#send(FRAME.data, ...encodeData(0, chunk))
    if (this.#input.ended) this.#send(FRAME.end, encodePosition(0, this.#input.nextOffset))
    if (process.stdin.listenerCount('data') === 0 && !this.#input.ended) this.#readInput()
    this.#paceInput()
  }

  #readInput(): void {
    process.stdin.on('data', (bytes: Buffer) => {
      const chunk = this.#input.push(bytes)
      if (this.#inputFlows) this.#send(FRAME.data, ...encodeData(0, chunk))
      if (this.#job.terminal && bytes.includes(SUSPEND_CHARACTER)) this.#send(FRAME.suspend, Buffer.alloc(0))
      this.#paceInput()
    })
    const ended = (): void => {
      if (this.#input.ended) return
      this.#input.end()
      if (this.#inputFlows) this.#send(FRAME.end, encodePosition(0, this.#input.nextOffset))
    }
    process.stdin.on('end', ended).on('error', ended)
  }

  #paceInput(): void {
    if (this.#input.ended) return
    if (this.#input.hasRoom) process.stdin.resume()
    else process.stdin.pause()
  }

  #forwardSignals(): void {
    for (const signal of GROUP_SIGNALS) process.on(signal, () => this.#signal(signal, 'group'))
    for (const signal of COMMAND_SIGNALS) process.on(signal, () => this.#signal(signal, 'main'))
    process.on('SIGTSTP', () => {
      this.#signal('SIGSTOP', 'all')
      this.#suspendSelf()
    })
    process.on('SIGCONT', () => {
      this.#openTerminal()
      this.#sendSize()
      this.#signal('SIGCONT', 'all')
    })
  }

  #signal(signal: Signal, to: 'group' | 'main' | 'all'): void {
    this.#send(FRAME.signal, encodeJson({ signal, to }))
  }

  /** Stops this process as the job was stopped; the shell that started it takes over, and `fg` continues both. */
  #suspendSelf(): void {
    this.#closeTerminal()
    // What is on its way to the agent must leave first; it leaves in this turn of the loop.
    setImmediate(() => process.kill(process.pid, 'SIGSTOP'))
  }

  /** The keys go to the job's own terminal as they are; that one makes signals, echo and lines of them. */
  #openTerminal(): void {
    if (!this.#job.terminal) return
    process.stdin.setRawMode(true)
    process.stdout.removeAllListeners('resize')
    process.stdout.on('resize', () => this.#sendSize())
  }

  #closeTerminal(): void {
    if (this.#job.terminal) process.stdin.setRawMode(false)
  }

  #sendSize(): void {
    if (this.#job.terminal) this.#send(FRAME.size, encodeJson({ rows: process.stdout.rows, columns: process.stdout.columns }))
  }

  #send(kind: number, ...body: readonly Uint8Array[]): void {
    this.#link?.send(kind, ...body)
  }
}

/** Ends this process the way the job ended: with its exit code, or by the same signal, so that a shell sees no difference. */
export function endLike(outcome: Outcome): number {
  if ('exit' in outcome) return outcome.exit
  if ('lost' in outcome) {
    writeSync(2, `mosrun: the job is lost: ${outcome.lost}\n`)
    return 255
  }
  for (const signal of [...GROUP_SIGNALS, ...COMMAND_SIGNALS]) process.removeAllListeners(signal)
  process.kill(process.pid, outcome.signal)
  return 128 + outcome.signal
}
