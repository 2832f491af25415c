/** The control application of a running program, as a test asks it. */

import type { Program } from './program.ts'
import { RawClient } from './raw.ts'
import type { Message } from './wire.ts'

/** What /json says, as far as tests look at it. */
export interface Report {
  readonly ready: boolean
  readonly draining: boolean
  readonly workers: readonly {
    readonly id: number
    readonly pid: number
    readonly state: string
    readonly restarts: number
    readonly engine: string
    readonly statistics: Statistics
  }[]
  readonly total: Statistics
}

export type Statistics = Readonly<Record<string, number | Readonly<Record<string, number>>>>

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

  async ask(path: string): Promise<Message> {
    using client = await RawClient.connect(this.port)
    return await client.ask(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${this.port}\r\n\r\n`)
  }

  async report(): Promise<Report> {
    return JSON.parse((await this.ask('/json')).body.toString()) as Report
  }
}

/** A counter, whatever it is kept by. */
export function count(statistics: Statistics, name: string): number {
  return total(statistics[name])
}

function total(value: unknown): number {
  if (typeof value === 'number') return value
  if (typeof value !== 'object' || value === null) return 0
  return Object.values(value).reduce((sum: number, part) => sum + total(part), 0)
}
