/** A request under judgement: the facts as they came, what was made of them, and what has been decided so far. */

import { latin1, SLASH } from '../bytes/ascii.ts'
import type { BodySource } from '../flow/body_source.ts'
import type { Found } from '../flow/found.ts'
import { UNBOUND } from '../flow/sources.ts'
import type { SafeSearchLevel } from '../config/settings.ts'
import type { Cause, Changes, DecisionKind } from '../filter/decision.ts'
import { normalPath } from '../filter/normal.ts'
import type { Hit } from '../filter/rules.ts'
import type { Subject, TlsFacts } from '../filter/subject.ts'
import { changeHead, type OwnHead } from '../http/change.ts'
import type { Head } from '../http/head.ts'
import { asHttps, newTarget, parseTarget, type Target } from '../http/target.ts'
import type { Carrier } from './carrier.ts'

/** Where to connect to instead of where the target says. */
export interface Dial {
  readonly host: string
  /** 0: that of the target. */
  readonly port: number
  /** The operator named it: it may be an address of this machine. */
  readonly trusted: boolean
  /** Addresses to try, in this order, when the host cannot be looked up. */
  readonly fallback: readonly string[]
}

/**
 * The port that a decision leads to: its own, or that of the target. `secure`: of a client that came by TLS, which ends here:
 * what is spoken from here on is plain HTTP, on its port.
 */
export function dialPort({ port }: Dial, target: Target, secure: boolean): number {
  if (port !== 0) return port
  return secure && target.portStart === target.portEnd ? HTTP_PORT : target.port
}

const HTTP_PORT = 80

/** An answer that a service gave in the place of the origin's. */
export interface Satisfied {
  readonly head: Head
  /** `null`: it has no body. */
  readonly body: BodySource | null
}

/** Something under way for a request, which has to hear when that is given up. */
export interface Errand {
  abandon(): void
}

/** Who asks, and through which listener. */
export interface Petitioner {
  readonly listener: string
  readonly client: string
  readonly user: string
  /** The address and the port the client connected to; empty and 0 on a unix-domain socket. */
  readonly local: string
  readonly localPort: number
  /** Milliseconds since 1970-01-01 UTC, and minutes that the operator's clock is ahead of it. */
  readonly date: number
  readonly zone: number
  /** It may ask for https: the TLS ends with whoever asks us. */
  readonly secure?: boolean
  /** And what says nothing of a scheme is asked for by https. */
  readonly https?: boolean
}

const NONE: readonly never[] = []

export class Petition implements Subject {
  readonly listener: string
  readonly client: string
  user: string
  readonly local: string
  readonly localPort: number
  readonly date: number
  readonly zone: number
  /** The head and the target as they stand. */
  head: Head
  target: Target
  addresses: readonly string[] | null = null
  /** What the name was when it was looked up for that; `null`: it was not. */
  found: Found | null = null
  tls: TlsFacts | null = null
  /** The URL that was shown to an adapter, which may change it before it says so. */
  shown = ''
  /** The URL is another than what came. */
  rewritten = false
  keepHost = false
  dial: Dial | null = null
  safeSearch: SafeSearchLevel | '' = ''
  /** The parent that a rule sends it through, or `direct`; empty: none has. And whether it may do without. */
  parent = ''
  orDirect = false
  /** Local addresses that a rule has it come from; none: those of everyone. */
  bind: readonly string[] = UNBOUND
  /** Who carries the client's own body, for those who look at it; `null`: it has none, or nobody does. */
  carrier: Carrier | null = null
  /** The body, where it is not the client's own any more. */
  body: BodySource | null = null
  satisfied: Satisfied | null = null
  /** What services still do for it. */
  errands: readonly Errand[] = NONE
  /** What was decided last, and by whom: a permit that says why, or what was done to the request. */
  kind: DecisionKind = 'permit'
  cause: Cause | null = null
  /** Rules that hold and only report. */
  reported: readonly Hit[] = NONE
  /** Rules that are not asked again, because one of them has changed this request; `null`: all are. */
  applied: ReadonlySet<number> | null = null
  /** Members of the chain that have changed it and are not asked again: bit 2^n is set for number n. */
  passed = 0
  readonly #secure: boolean
  readonly #https: boolean
  #own: OwnHead | null = null
  #url = ''
  #path: string | null = null

  constructor(who: Petitioner, head: Head, target: Target) {
    this.listener = who.listener
    this.client = who.client
    this.user = who.user
    this.local = who.local
    this.localPort = who.localPort
    this.date = who.date
    this.zone = who.zone
    this.#secure = who.secure === true
    this.#https = who.https === true
    this.head = head
    this.target = target
  }

  get method(): string {
    return this.head.method()
  }

  get scheme(): string {
    const { form, scheme } = this.target
    return form === 'asterisk' ? '' : scheme
  }

  get host(): string {
    return this.target.host
  }

  get port(): number {
    return this.target.port
  }

  get url(): string {
    if (this.#url === '') this.#url = urlOf(this.head, this.target)
    return this.#url
  }

  get path(): string {
    return (this.#path ??= this.target.form === 'authority' ? '' : normalPath(this.#rawPath()))
  }

  get query(): string {
    const { bytes } = this.head
    const { pathStart, pathEnd } = this.target
    const mark = bytes.subarray(pathStart, pathEnd).indexOf(QUESTION)
    return mark < 0 ? '' : latin1(bytes, pathStart + mark + 1, pathEnd)
  }

  field(name: string): string | null {
    const { head } = this
    let value: string | null = null
    for (let i = 0; i < head.count; i++) {
      const start = head.at[i * 4]
      if (head.at[i * 4 + 1] - start !== name.length || head.name(i).toLowerCase() !== name) continue
      value = value === null ? head.value(i) : `${value}, ${head.value(i)}`
    }
    return value
  }

  headBytes(): Uint8Array {
    return this.head.bytes.subarray(0, this.head.end)
  }

  /** Make the changes. @throws Failure when what was made is no request. */
  change(changes: Changes): void {
    const own = changeHead(this.head, changes)
    // The body stays as it is, and its head need not say that there is one: it may have come encapsulated.
    if (this.head.framing === 'chunked') own.head.framing = 'chunked'
    try {
      this.take(own)
    } catch (error) {
      own.release()
      throw error
    }
    if (changes.url !== '') this.keepHost = changes.keepHost
  }

  /** From now on this is the request. @throws Failure when its target cannot be read: then it is not. */
  take(own: OwnHead): void {
    const target = parseTarget(own.head, newTarget(), this.#secure)
    if (this.#https) asHttps(target)
    this.#own?.release()
    this.#own = own
    const before = this.url
    const { host, port } = this.target
    // The host that was not written in what came before is not written in this either.
    if (target.host === '') target.host = host
    this.head = own.head
    this.target = target
    this.#url = ''
    this.#path = null
    if (this.url !== before) this.rewritten = true
    // Of a captured client it need not be the one that was written.
    else target.port = port
    // Of a captured client, too, another port is another place: that of the name.
    if (target.host !== host || target.port !== port) {
      this.addresses = null
      this.found = null
    }
  }

  /** It is given up. */
  abandon(): void {
    const { errands } = this
    this.errands = NONE
    for (const errand of errands) errand.abandon()
  }

  /** It is over: what it held goes back. */
  release(): void {
    this.abandon()
    this.#own?.release()
    this.#own = null
  }

  #rawPath(): string {
    const { bytes } = this.head
    const { pathStart, pathEnd } = this.target
    let end = pathStart
    while (end < pathEnd && bytes[end] !== QUESTION) end++
    return latin1(bytes, pathStart, end)
  }
}

const QUESTION = 0x3f

function authorityOf({ host, port }: Target): string {
  const name = host.includes(':') ? `[${host}]` : host
  return port === 80 ? name : `${name}:${port}`
}

/** The URL asked for: an absolute URI, or `host:port` for CONNECT. Written as it came; of the Host where it came apart. */
export function urlOf(head: Head, target: Target): string {
  const { bytes } = head
  if (target.form === 'absolute' || target.form === 'authority') return head.target()
  const written = latin1(bytes, target.authorityStart, target.authorityEnd)
  // An HTTP/1.0 client need not say the host, and where it was going may be known all the same.
  const authority = written === '' && target.host !== '' ? authorityOf(target) : written
  if (target.form === 'asterisk') return `${target.scheme}://${authority}`
  return `${target.scheme}://${authority}${bytes[target.pathStart] === SLASH ? '' : '/'}${head.target()}`
}
