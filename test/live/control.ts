/** The control application of a running program, as a test asks it. */

import type { Report } from '../../core/control/report.ts'
import type { MetricName } from '../../core/proxy/metrics.ts'
import { type Snapshot, totalOf } from '../../core/proxy/snapshot.ts'
import { type FamilySeen, readExposition } from '../control/exposition.ts'
import type { Program } from './program.ts'
import { RawClient } from './raw.ts'
import { until } from './waiting.ts'
import type { Message } from './wire.ts'
import { statusOf } from './wire.ts'

/** A configuration for a program that is watched. */
export const WATCHED = { address: '127.0.0.1:0' }

export class ControlClient {
  readonly port: number

  private constructor(port: number) {
    this.port = port
  }

  /** Waits until the application of the program listens. */
  static async of(program: Program): Promise<ControlClient> {
    const listens = /the control application listens on 127\.0\.0\.1:(\d+)/
    await program.until(() => listens.test(program.diagnostics), 'the control application')
    return new ControlClient(Number(listens.exec(program.diagnostics)?.[1]))
  }

  async ask(path: string, host = `127.0.0.1:${this.port}`): Promise<Message> {
    using client = await RawClient.connect(this.port, '127.0.0.1', 'operator')
    return await client.ask(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  }

  async report(): Promise<Report> {
    return JSON.parse((await this.ask('/json')).body.toString()) as Report
  }

  /** What is said when `ready` holds for it. */
  async when(ready: (report: Report) => boolean, what: string): Promise<Report> {
    let report = await this.report()
    await until(async () => ready(report) || ready(report = await this.report()), what)
    return report
  }

  /** What has been counted when this many exchanges are over. */
  counted(exchanges: number): Promise<Report> {
    return this.when(({ total }) => count(total, 'exchanges_total') >= exchanges, `${exchanges} exchanges counted`)
  }

  async metrics(): Promise<Metrics> {
    const answer = await this.ask('/metrics')
    if (statusOf(answer) !== 200) throw new Error(`/metrics: ${answer.line}`)
    return new Metrics(readExposition(answer.body.toString()))
  }
}

export class Metrics {
  readonly families: ReadonlyMap<string, FamilySeen>

  constructor(families: ReadonlyMap<string, FamilySeen>) {
    this.families = families
  }

  /** The sum over the samples with these labels. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    let sum = 0
    for (const sample of this.families.get(`exaproxy_${name}`)?.samples ?? []) {
      if (Object.entries(labels).every(([key, value]) => sample.labels[key] === value)) sum += sample.value
    }
    return sum
  }
}

/** A counter, whatever it is kept by. */
export function count(statistics: Snapshot, name: MetricName): number {
  return totalOf(statistics[name])
}
