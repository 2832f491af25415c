/** The program in front of an origin, asking a helper program of test/live/helpers; names ending in .test are this machine. */

import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Origin } from './origin.ts'
import { installed, newFolder } from './peers.ts'
import { Program } from './program.ts'
import { RawClient } from './raw.ts'
import type { Table } from './toml.ts'
import { type Message, statusOf, valueOf } from './wire.ts'

const FOLDER = resolve(import.meta.dirname, 'helpers')

/** Who runs a helper, by the end of its name. */
const RUNNERS: Readonly<Record<string, string>> = { py: 'python3', pl: 'perl', sh: 'sh' }

export const runnerOf = (file: string): string => RUNNERS[file.slice(file.lastIndexOf('.') + 1)]

/** The command of a helper: its file below test/live/helpers, and its arguments. */
export const helper = (file: string, ...words: readonly string[]): string[] => [
  installed(runnerOf(file)),
  join(FOLDER, file),
  ...words,
]

const NAMES = ['old.test', 'new.test', 'good.test', 'safe.engine.test', 'www.engine.test', 'blocked.test', 'site.test']

/** What came of a request: what the client was answered, and what the origin was asked for. */
export interface Came {
  readonly status: number
  readonly location: string
  readonly answer: Message
  /** Request line and Host of what reached the origin; '' when nothing did. */
  readonly origin: string
}

export class HelperWorld {
  readonly origin: Origin
  /** What reached the origin, in the order in which it came. */
  readonly requests: readonly Message[]
  readonly program: Program
  readonly folder: string

  private constructor(origin: Origin, requests: readonly Message[], program: Program, folder: string) {
    this.origin = origin
    this.requests = requests
    this.program = program
    this.folder = folder
  }

  /** `settings`: of the helper, of whom `[origin]` and `[folder]` in words are replaced; `pages`: files of its folder. */
  static async start(
    settings: Table,
    pages: Readonly<Record<string, string>> = {},
    more: Table = {},
  ): Promise<HelperWorld> {
    const requests: Message[] = []
    const origin = await Origin.listen(async (connection) => {
      for (;;) {
        const request = await connection.request()
        if (request === null) return connection.end()
        requests.push(request)
        await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n')
      }
    })
    const folder = newFolder()
    for (const [name, text] of Object.entries(pages)) writeFileSync(join(folder, name), text)
    const hosts = join(folder, 'hosts')
    writeFileSync(hosts, NAMES.map((name) => `127.0.0.1 ${name}\n`).join(''))
    const program = (settings.program as string[]).map((word) =>
      word.replaceAll('[origin]', String(origin.port)).replaceAll('[folder]', folder)
    )
    try {
      const running = await Program.start({
        listener: { http: { mode: 'forward', address: '127.0.0.1:0', filter: ['guard'] } },
        outgoing: { connect_ports: ['1-65535'] },
        dns: { hosts_file: hosts },
        helper: {
          guard: {
            minimum: 1,
            maximum: 2,
            ...settings,
            program,
            ...(Object.keys(pages).length === 0 ? {} : { folder }),
          },
        },
        ...more,
      })
      return new HelperWorld(origin, requests, running, folder)
    } catch (problem) {
      origin.close()
      throw problem
    }
  }

  client(): Promise<RawClient> {
    return RawClient.connect(this.program.port())
  }

  /** GET a path of a host, its port being the origin's. */
  async get(path: string, fields: readonly string[] = [], host = '127.0.0.1'): Promise<Came> {
    const authority = `${host}:${this.origin.port}`
    const lines = [`GET http://${authority}${path} HTTP/1.1`, `Host: ${authority}`, ...fields, 'Connection: close']
    return await this.#ask(`${lines.join('\r\n')}\r\n\r\n`)
  }

  /** CONNECT to a host, and where there is a tunnel, GET / through it. */
  async connect(host: string): Promise<Came> {
    const authority = `${host}:${this.origin.port}`
    const before = this.requests.length
    using client = await this.client()
    await client.send(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`)
    const head = await client.head('bodiless')
    if (head === null) throw new Error(`the connection ended without an answer: ${client.state}`)
    const status = statusOf(head)
    if (status === 200) {
      await client.ask(`GET /inside HTTP/1.1\r\nHost: inside\r\nConnection: close\r\n\r\n`)
    } else {
      head.body = await client.bytes(Number(valueOf(head, 'content-length')) || 0)
    }
    return { status, location: valueOf(head, 'location'), answer: head, origin: this.#since(before) }
  }

  async #ask(request: string): Promise<Came> {
    const before = this.requests.length
    using client = await this.client()
    const answer = await client.ask(request)
    return { status: statusOf(answer), location: valueOf(answer, 'location'), answer, origin: this.#since(before) }
  }

  #since(before: number): string {
    return this.requests.slice(before).map((one) => `${one.line} @ ${valueOf(one, 'host')}`).join(', ')
      .replaceAll(`:${this.origin.port}`, ':[origin]')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.origin.close()
    await this.program[Symbol.asyncDispose]()
  }
}
