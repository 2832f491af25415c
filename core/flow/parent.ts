/** A parent: a proxy, or several that do the same, through which origins are reached. */

import { latin1, toBytes } from '../bytes/ascii.ts'
import { toBase64 } from '../bytes/base64.ts'
import type { ByteWriter } from '../bytes/writer.ts'
import type { ParentSettings } from '../config/settings.ts'
import { Failure } from '../failure.ts'
import { type RequestForwarding, writeVias } from '../http/forward.ts'
import type { Head } from '../http/head.ts'
import { SocksClient, type SocksLogin } from '../socks/client.ts'
import type { Destination } from './dial.ts'
import { finalHead } from './final_head.ts'
import type { Group, Server } from './group.ts'
import { machineWords } from './machine_words.ts'
import type { OriginConnection } from './origins.ts'

/** How a server of a parent was found, in Squid's words. */
export type ParentHierarchy =
  | 'ROUNDROBIN_PARENT'
  | 'ANY_OLD_PARENT'
  | 'SOURCEHASH_PARENT'
  | 'CARP'
  | 'FIRSTUP_PARENT'

const HIERARCHIES: Readonly<Record<ParentSettings['balance'], ParentHierarchy>> = {
  round_robin: 'ROUNDROBIN_PARENT',
  least: 'ANY_OLD_PARENT',
  hash_client: 'SOURCEHASH_PARENT',
  hash_url: 'CARP',
  first: 'FIRSTUP_PARENT',
}

export class Parent {
  readonly name: string
  readonly type: ParentSettings['type']
  readonly group: Group
  readonly hierarchy: ParentHierarchy
  /** The value of Proxy-Authorization; empty: nobody logs in. */
  authorization = ''
  #login: SocksLogin | null = null
  readonly #places = new Map<Server, Destination>()

  constructor({ name, type, balance }: ParentSettings, group: Group) {
    this.name = name
    this.type = type
    this.group = group
    this.hierarchy = HIERARCHIES[balance]
    for (const server of group.servers) {
      const { host, port } = server
      this.#places.set(server, { host, port, guarded: false, family: 0 })
    }
  }

  get login(): SocksLogin | null {
    return this.#login
  }

  /** For connections made from now on. Texts are latin1, of the bytes they go out as. */
  set login(login: SocksLogin | null) {
    this.#login = login
    this.authorization = login === null ? '' : `Basic ${toBase64(toBytes(`${login.user}:${login.password}`))}`
  }

  /** What is dialled for a server: the operator named it, so nobody judges it. */
  placeOf(server: Server): Destination {
    return this.#places.get(server)!
  }
}

/** The parent has answered about where we want to go: another of its servers would say the same. */
export class ParentAnswer extends Failure {}

/** Who asks, for the head of a CONNECT: the request whose Via goes along, by which a loop is noticed, and what is said of us. */
export interface Asking {
  readonly head: Head
  readonly how: Pick<RequestForwarding, 'via' | 'transparent'>
}

/**
 * Have the parent at the other end of a new connection connect it to `host` (policy form) and `port`: what is sent and comes
 * after this is for and of whoever is there.
 * @throws Failure: a ParentAnswer; parent-login, parent-refused; origin-left and bad-response where the parent breaks off
 */
export async function connectThrough(
  connection: OriginConnection,
  parent: Parent,
  host: string,
  port: number,
  asking: Asking,
): Promise<void> {
  try {
    if (parent.type === 'http') await connectByHttp(connection, parent, host, port, asking)
    else await connectBySocks(connection, new SocksClient(parent.type === 'socks5' ? 5 : 4, host, port, parent.login))
  } catch (error) {
    throw error instanceof Failure ? error : new Failure('origin-left', machineWords(error))
  }
}

async function connectBySocks({ messages, outbox }: OriginConnection, socks: SocksClient): Promise<void> {
  for (;;) {
    const step = socks.next()
    switch (step.kind) {
      case 'send': {
        outbox.writer.put(step.bytes)
        const taken = outbox.flush()
        if (taken !== undefined) await taken
        continue
      }
      case 'more': {
        const pulled = await messages.pull()
        if (pulled.done === true) throw new Failure('origin-left', 'it closed the connection instead of an answer')
        messages.received += pulled.value.length
        socks.feed(pulled.value)
        continue
      }
      case 'failed':
        throw new (step.final ? ParentAnswer : Failure)(step.code, step.why)
      case 'open': {
        const rest = socks.rest()
        if (rest.length > 0) messages.parser.feed(rest)
        return
      }
    }
  }
}

const CONNECT_ANSWER = { connect: true }
const ANY_ANSWER = {}
/** Statuses that say something of the parent itself, and not of where it was to connect to. */
const OF_ITSELF: readonly number[] = [407, 408, 429, 500, 501, 503, 505]

async function connectByHttp(
  { messages, outbox }: OriginConnection,
  parent: Parent,
  host: string,
  port: number,
  asking: Asking,
): Promise<void> {
  writeConnect(outbox.writer, `${host.includes(':') ? `[${host}]` : host}:${port}`, parent.authorization, asking)
  const taken = outbox.flush()
  if (taken !== undefined) await taken
  const { status, bytes, reasonStart, reasonEnd } = await finalHead(messages, CONNECT_ANSWER)
  if (status >= 300) {
    const words = `it answers ${status} ${latin1(bytes, reasonStart, reasonEnd)}`
    if (status === 407) throw new Failure('parent-login', words)
    // RFC 5842 7.2: what went round was this request, and who asked us has to hear that, not another error each time.
    if (status === 508) throw new ParentAnswer('loop', words)
    throw new (OF_ITSELF.includes(status) ? Failure : ParentAnswer)('parent-refused', words)
  }
  if (status === 101) throw new Failure('bad-response', 'an upgrade that was not asked for')
  while (messages.next().kind !== 'end');
  messages.parser.restart(ANY_ANSWER)
}

function writeConnect(out: ByteWriter, authority: string, authorization: string, { head, how }: Asking): void {
  out.text(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n`)
  if (authorization !== '') out.text(`Proxy-Authorization: ${authorization}\r\n`)
  writeVias(out, head, how)
  out.text('\r\n')
}
