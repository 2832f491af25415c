/** Looks at the counters of a world again and again: what only grows never shrinks. */
import { METRICS } from '../../core/proxy/metrics.ts'
import { lasting, type Snapshot, totalOf } from '../../core/proxy/snapshot.ts'
import type { World } from './world.ts'

export class Counters {
  readonly #world: World
  readonly #last = new Map<string, number>()
  /** What shrank, in words. */
  readonly wrong: string[] = []

  constructor(world: World) {
    this.#world = world
  }

  look(): Snapshot {
    const { proxy, context } = this.#world
    const snapshot = proxy.statistics.snapshot(proxy, [context])
    this.#visit('', lasting(snapshot))
    return snapshot
  }

  /** What is wrong when all is over: with the exchanges that were seen, and with what is still said to be open. */
  leftovers(): string[] {
    const { seen } = this.#world
    const wrong = [...this.wrong]
    const snapshot = this.look()
    const equal = (name: keyof typeof METRICS, is: number): void => {
      const said = totalOf(snapshot[name])
      if (said !== is) wrong.push(`${name} is ${said}, not ${is}`)
    }
    for (const name of ['exchanges_total', 'requests_total', 'responses_total', 'decisions_total'] as const) {
      equal(name, seen.length)
    }
    equal('failures_total', seen.filter(({ failure }) => failure !== '').length)
    for (
      const name of ['connections_open', 'connections_waiting', 'tunnels_open', 'origin_connections_open'] as const
    ) {
      equal(name, 0)
    }
    for (const [name, of] of [['received', 'bytesIn'], ['sent', 'bytesOut']] as const) {
      const said = totalOf(snapshot[`client_${name}_bytes_total`])
      const logged = seen.reduce((sum, record) => sum + record[of], 0)
      // What never became a whole request is in no record.
      if (said < logged || (name === 'sent' && said !== logged)) wrong.push(`${name} ${said}, logged ${logged}`)
    }
    return wrong
  }

  #visit(path: string, value: unknown): void {
    if (typeof value === 'number') {
      const before = this.#last.get(path) ?? 0
      if (value < before) this.wrong.push(`${path} fell from ${before} to ${value}`)
      this.#last.set(path, value)
    } else for (const [name, below] of Object.entries(value as object)) this.#visit(`${path}/${name}`, below)
  }
}
