/** Plays one conformance case through the running proxy, between a raw client and a recording origin. */

import type { Case, Step } from './cases.ts'
import { filled, toWire, unescaped } from './cases.ts'
import type { OriginConnection } from './origin.ts'
import { Origin } from './origin.ts'
import { PROGRAM } from './program.ts'
import { RawClient } from './raw.ts'
import { shown, within } from './waiting.ts'
import type { Field, Message, Wire } from './wire.ts'
import { valuesOf } from './wire.ts'

/** Who sends its bytes one by one. */
export type Pace = 'whole' | 'client byte by byte' | 'origin byte by byte'

/** Where the proxy is, and what else the case's placeholders stand for. */
export interface Stage {
  readonly port: number
  readonly host: string
  readonly values: Readonly<Record<string, string>>
  /** Serves the request that shows that a connection was kept. */
  readonly check: Origin
  /** How to ask for it: `absolute` for a forward proxy, `origin` for a reverse one. */
  readonly form: 'absolute' | 'origin'
}

/** What a message was expected to be like, from the lines of a case. */
interface Expectation {
  readonly start: string
  readonly flags: ReadonlySet<string>
  readonly present: readonly Field[]
  readonly absent: readonly string[]
  readonly body: string | null
}

const noScript = () => {}

export class Play {
  readonly #case: Case
  readonly #stage: Stage
  readonly #values: Record<string, string>
  readonly #pace: Pace
  readonly #clients = new Map<string, RawClient>()
  readonly #brokenOff = new Set<string>()
  readonly #origins: Map<string, Origin>
  /** The connection and the message an actor heard last. */
  readonly #last = new Map<string, { wire: Wire; message: Message | null }>()
  /** Connections of origins that have had a request. */
  readonly #served = new Set<Wire>()
  #reused = false

  constructor(one: Case, value: string, pace: Pace, stage: Stage, origins: Map<string, Origin>) {
    this.#case = one
    this.#stage = stage
    this.#pace = pace
    this.#origins = origins
    this.#values = { ...stage.values }
    for (const [name, origin] of origins) {
      this.#values[name] = origin.authority
      this.#values[`${name}_port`] = String(origin.port)
    }
    if (one.each !== null) this.#values[one.each.name] = filled(value, this.#values)
  }

  /** Origins of a case's own, so that no pooled connection of another case is met. */
  static async origins(): Promise<Map<string, Origin>> {
    return new Map([['origin', await Origin.listen(noScript)], ['origin2', await Origin.listen(noScript)]])
  }

  async run(): Promise<void> {
    let at = this.#case.at
    try {
      for (const step of this.#case.steps) {
        at = step.at
        await this.#step(step)
      }
      this.#nothingLeft()
    } catch (problem) {
      const words = problem instanceof Error ? problem.message : String(problem)
      throw new Error(`${this.#case.file}:${at}: ${words}\n${this.#transcript()}`)
    } finally {
      for (const client of this.#clients.values()) client.close()
      for (const origin of this.#origins.values()) origin.close()
    }
  }

  #transcript(): string {
    const clients = [...this.#clients.values()].map((c) => `${c.name} got: "${shown(c.all)}" ${c.state}`)
    return [...clients, ...[...this.#origins.values()].map((o) => o.transcript)].filter((t) => t !== '').join('\n')
  }

  async #step(step: Step): Promise<void> {
    switch (step.verb) {
      case '>': {
        const wire = await this.#speaker(step.actor)
        await wire.send(toWire(step.lines, this.#values))
        return
      }
      case '<':
        return await this.#hear(step)
      case '<+':
        return await this.#hearRest(step)
      case '<<': {
        const wanted = toWire(step.lines, this.#values)
        const wire = await this.#listener(step.actor)
        same('bytes', shown((await wire.bytes(wanted.length)).toString('latin1')), shown(wanted))
        return
      }
      case '!': {
        const wire = await this.#speaker(step.actor)
        if (step.lines[0] === 'end') wire.end()
        if (step.lines[0] === 'close') wire.close()
        if (step.lines[0] === 'reset') {
          wire.reset()
          this.#brokenOff.add(step.actor)
        }
        if (step.lines[0] === 'stop reading') wire.socket.pause()
        if (step.lines[0] === 'read on') wire.socket.resume()
        return
      }
      case '=':
        return await this.#state(step.actor, step.lines[0])
    }
  }

  #isClient(actor: string): boolean {
    return actor.startsWith('client')
  }

  /** The connection an actor speaks on: a client's own (made at its first word), an origin's last. */
  async #speaker(actor: string): Promise<Wire> {
    if (!this.#isClient(actor)) return this.#heard(actor).wire
    let client = this.#clients.get(actor)
    if (client === undefined) {
      client = await RawClient.connect(this.#stage.port, this.#stage.host, actor)
      client.dribbles = this.#pace === 'client byte by byte'
      this.#clients.set(actor, client)
    }
    return client
  }

  #heard(actor: string): { wire: Wire; message: Message | null } {
    const last = this.#last.get(actor)
    if (last === undefined) throw new Error(`${actor} has heard nothing yet`)
    return last
  }

  #origin(actor: string): Origin {
    const origin = this.#origins.get(actor)
    if (origin === undefined) throw new Error(`there is no ${actor}`)
    return origin
  }

  /** The connection raw bytes are expected on: for an origin, its last, or else a new one. */
  async #listener(actor: string): Promise<Wire> {
    if (this.#isClient(actor)) return await this.#speaker(actor)
    const last = this.#last.get(actor)
    return last === undefined ? await this.#spoken(actor) : last.wire
  }

  /** The connection of an origin on which something unread came. */
  async #spoken(actor: string): Promise<OriginConnection> {
    const origin = this.#origin(actor)
    const wait = async () => {
      for (;;) {
        const found = origin.connections.find((connection) => connection.unread.length > 0)
        if (found !== undefined) return found
        await Promise.race([origin.arrival(), ...origin.connections.map((connection) => connection.change())])
      }
    }
    const wire = await within(wait(), `a request to ${actor}`)
    wire.dribbles = this.#pace === 'origin byte by byte'
    this.#reused = this.#served.has(wire)
    this.#served.add(wire)
    if (!this.#last.has(actor)) this.#last.set(actor, { wire, message: null })
    return wire
  }

  async #hear(step: Step): Promise<void> {
    const wanted = expectation(step.lines, this.#values)
    const client = this.#isClient(step.actor)
    const wire = client ? await this.#speaker(step.actor) : await this.#spoken(step.actor)
    const kind = wanted.flags.has('no body') ? 'bodiless' : client ? 'response' : 'request'
    let message = await wire.head(kind)
    while (wanted.flags.has('final') && /^HTTP\/1\.1 1/.test(message?.line ?? '')) message = await wire.head(kind)
    if (message === null) throw new Error(`no message came: the connection ended (${wire.state}), not ${wanted.start}`)
    this.#last.set(step.actor, { wire, message })
    startsAs(message.line, wanted.start, client)
    compareFields(message, wanted)
    if (wanted.flags.has('head')) return
    await wire.body(message)
    same(`"${message.line}" is complete`, message.complete, !wanted.flags.has('incomplete'))
    if (wanted.body !== null) sameBody(message, wanted)
  }

  async #hearRest(step: Step): Promise<void> {
    const { wire, message } = this.#heard(step.actor)
    if (message === null) throw new Error(`${step.actor} has heard no head yet`)
    const incomplete = step.lines[0] === '(incomplete)'
    const wanted = toWire(incomplete ? step.lines.slice(1) : step.lines, this.#values)
    await wire.body(message)
    const body = message.body.toString('latin1')
    if (!incomplete) same('body', shown(body), shown(wanted))
    else if (!body.startsWith(wanted)) same('start of the body', shown(body), shown(wanted))
    same(`"${message.line}" is complete`, message.complete, !incomplete)
  }

  async #state(actor: string, state: string): Promise<void> {
    if (state.startsWith('trailer ') || state === 'no trailers') {
      const trailers = this.#heard(actor).message?.trailers.map(([name, value]) => `${name}: ${value}`) ?? []
      return same('trailers', trailers.join('\n'), state === 'no trailers' ? '' : state.slice('trailer '.length))
    }
    if (state === 'untouched') return same(`connections to ${actor}`, this.#origin(actor).connections.length, 0)
    if (state === 'new' || state === 'reused') return same('the connection was', this.#reused ? 'reused' : 'new', state)
    if (state === 'nothing whole') return await this.#nothingWhole(actor)
    const wire = await this.#listener(actor)
    if (state === 'kept') return await this.#kept(wire)
    if (state === 'in order') return await this.#kept(wire, true)
    if (state === 'gone') {
      await wire.toEnd()
      return same('the connection ended by', wire.state, 'end')
    }
    const end = await wire.finished()
    if (state === 'closed') same('the connection ended by', end, 'end')
    // Deno has no way to send a reset: there, the connection just ends.
    if (state === 'reset' && PROGRAM !== 'deno') same('the connection ended by', end, 'reset')
  }

  /** A connection is kept when the next request on it gets its own answer, and nothing else came before. */
  async #kept(wire: Wire, maybe = false): Promise<void> {
    const { check, form } = this.#stage
    const target = form === 'absolute' ? `http://${check.authority}/kept` : '/kept'
    const host = form === 'absolute' ? check.authority : 'kept.test'
    await wire.send(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    const answer = await wire.message('response')
    if (answer === null && maybe) return same('the connection ended by', wire.state, 'end')
    if (answer === null) throw new Error(`the connection was not kept: it ended by ${wire.state}`)
    same('the answer to the next request', `${answer.line.slice(0, 12)} ${answer.body}`, 'HTTP/1.1 200 kept')
  }

  /** A request may have begun, but the origin can tell that it is not whole. */
  async #nothingWhole(actor: string): Promise<void> {
    for (const connection of this.#origin(actor).connections) {
      await connection.finished()
      const request = await connection.message('request').catch(() => null)
      if (request !== null) same(`"${request.line}" is complete`, request.complete, false)
      await connection.toEnd()
    }
  }

  /** Nobody got a byte that the case did not speak of. */
  #nothingLeft(): void {
    for (const [actor, client] of this.#clients) {
      // Who broke off did not want the rest.
      if (!this.#brokenOff.has(actor)) same(`unread by ${actor}`, shown(client.unread), '')
    }
    for (const origin of this.#origins.values()) {
      for (const connection of origin.connections) same(`unread by ${connection.name}`, shown(connection.unread), '')
    }
  }
}

function expectation(lines: readonly string[], values: Readonly<Record<string, string>>): Expectation {
  const [, start = '', flags = ''] = /^(.*?)(?: \(([a-z, ]+)\))?$/.exec(lines[0]) ?? []
  const gap = lines.indexOf('')
  const named = lines.slice(1, gap === -1 ? lines.length : gap).map((line) => unescaped(filled(line, values)))
  const present: Field[] = []
  for (const line of named.filter((text) => !text.startsWith('!'))) {
    const colon = line.indexOf(':')
    if (colon < 1) throw new Error(`"${line}" expects no field`)
    present.push([line.slice(0, colon), line.slice(colon + 1).replace(/^ +/, '')])
  }
  return {
    start: unescaped(filled(start, values)),
    flags: new Set(flags.split(', ')),
    present,
    absent: named.filter((text) => text.startsWith('!')).map((text) => text.slice(1)),
    body: gap === -1 ? null : toWire(lines.slice(gap + 1), values),
  }
}

function startsAs(line: string, wanted: string, client: boolean): void {
  const pattern = /^\/(.+)\/$/.exec(wanted)?.[1]
  if (client && pattern !== undefined) {
    if (!new RegExp(`^HTTP/1.1 (?:${pattern})`).test(line)) same('start line', shown(line), `HTTP/1.1 ${pattern}`)
    return
  }
  if (client && /^HTTP\/1[.]1 \d+$/.test(wanted)) {
    return same('start line', shown(line.slice(0, wanted.length)), shown(wanted))
  }
  if (!client || wanted.startsWith('HTTP/')) return same('start line', shown(line), shown(wanted))
  same('start line', shown(line.slice(0, 'HTTP/1.1 '.length + wanted.length)), shown(`HTTP/1.1 ${wanted}`))
}

/**
 * Fields spoken of are there with these values and no others, in this order; the rest is free. A list may be cut into
 * lines in another way (RFC 9110 5.3), except Set-Cookie.
 */
function compareFields(message: Message, wanted: Expectation): void {
  const names = new Set(wanted.present.map(([name]) => name))
  for (const name of names) {
    const values = wanted.present.filter(([n]) => n === name).map(([, value]) => value)
    const lines = message.fields.filter(([n]) => n.toLowerCase() === name.toLowerCase())
    const got = lines.map(([, value]) => value)
    const fits = alike(got, values) || (name !== 'Set-Cookie' && alike([got.join(', ')], [values.join(', ')]))
    if (!fits) same(`field ${name}`, got.map((v) => shown(v)).join(' | '), values.map((v) => shown(v)).join(' | '))
    for (const [written] of lines) same('a field is written', written, name)
  }
  for (const absent of wanted.absent) {
    const [name, value] = absent.split(/:\s*/, 2)
    const got = valuesOf(message, name.toLowerCase())
    const bad = value === undefined ? got : got.filter((one) => one.toLowerCase().includes(value.toLowerCase()))
    if (bad.length > 0) same(`field ${absent} is absent`, `${name}: ${bad.join(' | ')}`, '')
  }
}

function alike(got: readonly string[], wanted: readonly string[]): boolean {
  return got.length === wanted.length && wanted.every((value, index) => fitting(value, got[index]))
}

function fitting(wanted: string, got: string): boolean {
  const pattern = /^\/(.+)\/$/.exec(wanted)?.[1]
  return pattern === undefined ? wanted === got : new RegExp(`^(?:${pattern})$`).test(got)
}

function sameBody(message: Message, wanted: Expectation): void {
  const body = message.body.toString('latin1')
  const pattern = /^\/(.+)\/$/s.exec(wanted.body ?? '')?.[1]
  if (pattern !== undefined) {
    if (!new RegExp(pattern, 's').test(body)) same('body', shown(body), `something like ${pattern}`)
    return
  }
  same('body', shown(body), shown(wanted.body ?? ''))
}

function same(what: string, got: unknown, wanted: unknown): void {
  if (got !== wanted) throw new Error(`${what}\n  expected: ${wanted}\n  got:      ${got}`)
}
