/** A home holds back what its users order while a job moves; what it sends right afterwards is little. */
const WAITING_LIMIT = 64

/**
 * Orders to a job that arrives here. Home may send some as soon as the job is this node's, while criu still lets its processes go: a process that a
 * signal ended then would have criu give up half-way, and leave the others standing for ever. So they wait until it is through.
 */
export class ArrivalOrders {
  #waiting: (() => void)[] | undefined

  /** From now on orders wait. */
  hold(): void {
    this.#waiting ??= []
  }

  /** The job is not all here yet. */
  get areHeld(): boolean {
    return this.#waiting !== undefined
  }

  /** Carries an order out, now or when the job is all here. Of more than anybody gives meanwhile, the first count. */
  do(order: () => void): void {
    if (this.#waiting === undefined) order()
    else if (this.#waiting.length < WAITING_LIMIT) this.#waiting.push(order)
  }

  /** The job is all here: what waits is carried out, in the order in which it came. */
  release(): void {
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const order of waiting) order()
  }
}
