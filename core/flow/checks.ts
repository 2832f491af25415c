/** Servers asked again and again whether they are well, while nobody has to find it out by a request of theirs. */

import { Failure } from '../failure.ts'
import { HttpParser } from '../http/parser.ts'
import { CHECK_JITTER } from '../limits.ts'
import { type Runtime, type Socket, SystemFailure } from '../runtime.ts'
import type { Destination, DialTimings } from './dial.ts'
import { finalHead } from './final_head.ts'
import type { Group, Server } from './group.ts'
import { Messages } from './messages.ts'
import { NoSource } from './sources.ts'

export interface CheckOptions {
  /** `tcp`: it accepts a connection. `http`: it answers a GET with 2xx or 3xx. */
  readonly check: 'tcp' | 'http'
  /** Between two checks of a server, and for one of them at most, ms. */
  readonly interval: number
  /** The request target of a check by HTTP, and the value of Host; empty: the server's own. */
  readonly target: string
  readonly host: string
  /** Written in front of it: a header of the PROXY protocol, or `null`. */
  readonly preface: Uint8Array | null
  /** Whose login goes with it, as it is by then; `null`: nobody's. */
  readonly login: { readonly authorization: string } | null
}

/** Reaches a host: {@link Dialler}, of which no more is needed. */
interface Reaching {
  reach(
    destination: Destination,
    timings: DialTimings,
  ): { readonly socket: Promise<Socket>; cancel(failure: Failure): void }
}

/** Told when a server has gone up or down, and why; and of what is thrown and is no failure: a bug. */
export interface CheckReport {
  changed(server: Server, well: boolean, words: string): void
  bug(error: unknown): void
}

const encoder = new TextEncoder()
const ANY_ANSWER = {}

export class Checks {
  readonly #runtime: Pick<Runtime, 'clock' | 'random'>
  readonly #dialler: Reaching
  readonly #group: Group
  readonly #options: CheckOptions
  readonly #report: CheckReport
  /** What ends what each server has under way: a pause or a check. */
  readonly #under = new Map<Server, () => void>()
  readonly #byte = new Uint8Array(1)
  #closed = false

  constructor(
    runtime: Pick<Runtime, 'clock' | 'random'>,
    dialler: Reaching,
    group: Group,
    options: CheckOptions,
    report: CheckReport,
  ) {
    this.#runtime = runtime
    this.#dialler = dialler
    this.#group = group
    this.#options = options
    this.#report = report
  }

  /** Check each server now, and from now on. */
  start(): void {
    for (const server of this.#group.servers) void this.#check(server)
  }

  close(): void {
    this.#closed = true
    for (const stop of this.#under.values()) stop()
    this.#under.clear()
  }

  async #check(server: Server): Promise<void> {
    const words = await this.#judge(server)
    if (this.#closed) return
    if (words !== null && this.#group.judged(server, words === '')) this.#report.changed(server, words === '', words)
    this.#under.set(server, this.#runtime.clock.after(this.#pause(), () => void this.#check(server)))
  }

  /** What is wrong with it, or ''; `null`: a bug or a lack of ours, which says nothing of it. */
  async #judge(server: Server): Promise<string | null> {
    try {
      return await this.#ask(server)
    } catch (error) {
      if (error instanceof NoSource) return null
      if (error instanceof Failure) return error.detail === '' ? error.words : error.detail
      if (error instanceof SystemFailure) return error.message
      this.#report.bug(error)
      return null
    }
  }

  /** Longer or shorter each time, so that checks of many workers, or of many servers, do not come at once. */
  #pause(): number {
    this.#runtime.random(this.#byte)
    return this.#options.interval * (1 + CHECK_JITTER * (this.#byte[0] / 127.5 - 1))
  }

  /** What is wrong with it, or ''. @throws Failure and SystemFailure, which say it too */
  async #ask(server: Server): Promise<string> {
    const destination: Destination = { host: server.host, port: server.port, guarded: false, family: 0 }
    const race = this.#dialler.reach(destination, { dns: -1, connect: -1 })
    let socket: Socket | null = null
    let late = false
    const stop = (): void => {
      race.cancel(new Failure('connect-timeout', 'no connection in time'))
      socket?.abort()
    }
    const undo = this.#runtime.clock.after(this.#options.interval, () => {
      late = true
      stop()
    })
    this.#under.set(server, () => {
      undo()
      stop()
    })
    try {
      socket = await race.socket
      if (late || this.#closed) return 'no connection in time'
      if (this.#options.check === 'tcp') return ''
      return await this.#get(server, socket)
    } catch (error) {
      if (late && socket !== null) return 'no answer in time'
      throw error
    } finally {
      undo()
      socket?.close()
    }
  }

  async #get(server: Server, socket: Socket): Promise<string> {
    const { target, host, preface, login } = this.#options
    const field = host === '' ? server.key : host
    const authorization = login === null ? '' : login.authorization
    const fields = authorization === '' ? '' : `Proxy-Authorization: ${authorization}\r\n`
    if (preface !== null) await socket.write(preface)
    const { securing } = server
    const inside = securing === null ? socket : await securing.secure(socket, server.host)
    const head = `GET ${target} HTTP/1.1\r\nHost: ${field}\r\n${fields}Connection: close\r\n\r\n`
    await inside.write(encoder.encode(head))
    const parser = new HttpParser('response')
    try {
      const { status } = await finalHead(new Messages(inside, parser, 'origin-left'), ANY_ANSWER)
      return status >= 200 && status < 400 ? '' : `it answers ${status}`
    } finally {
      parser.release()
    }
  }
}
