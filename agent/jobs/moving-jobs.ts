/** `copying`: it still runs; `standing`: it is dumped or restored, and whatever its user waits for stands still with it. */
export type MovePhase = 'copying' | 'standing'

/** The jobs of a node that leave it or come to it, by their control groups, for all that is to make way for them. */
export class MovingJobs {
  readonly #phases = new Map<string, MovePhase>()
  readonly #watchers: (() => void)[] = []

  /** What the job of that group is at; undefined when it does not move, or not any more. */
  set(cgroup: string, phase: MovePhase | undefined): void {
    if (phase === undefined) this.#phases.delete(cgroup)
    else this.#phases.set(cgroup, phase)
    for (const watcher of this.#watchers) watcher()
  }

  has(cgroup: string): boolean {
    return this.#phases.has(cgroup)
  }

  /** Groups of the jobs that stand still. */
  get standing(): string[] {
    return [...this.#phases].flatMap(([cgroup, phase]) => (phase === 'standing' ? [cgroup] : []))
  }

  /** Calls `watcher` at every change from now on. */
  watch(watcher: () => void): void {
    this.#watchers.push(watcher)
  }
}
