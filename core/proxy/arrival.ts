/** A connection as it came, and between whom it is: where a proxy in front of us passes it on, that proxy says so. */

import { contains, type Network, parseAddress } from '../bytes/address.ts'
import { ByteWriter } from '../bytes/writer.ts'
import type { Timed } from '../flow/deadlines.ts'
import { machineWords } from '../flow/machine_words.ts'
import { parseProxyHeader, type ProxyHeader } from '../haproxy/header.ts'
import type { Endpoint, Socket } from '../runtime.ts'
import type { Capture } from './capture.ts'
import type { ListenerContext } from './listener.ts'
import type { Proxy } from './proxy.ts'
import type { TlsDoor } from './tls_door.ts'

/** TLS on the client's side, which ended here or with the proxy in front. What is not known is empty. */
export interface ArrivalTls {
  /** As `TLSv1.3`. */
  readonly version: string
  /** As `TLS_AES_256_GCM_SHA384`. */
  readonly cipher: string
  /** The host name the client asked for (SNI). */
  readonly serverName: string
  /** The common name of the client's certificate, and whether that was found good. */
  readonly clientName: string
  readonly verified: boolean
}

export interface Arrival {
  readonly socket: Socket
  /** The client, and where it connected to. */
  readonly peer: Endpoint
  readonly local: Endpoint
  /** Where it was going when it was captured on its way; `null`: nowhere but here. */
  readonly destination: Endpoint | null
  /** What the client has sent already; lent until the next pull. */
  readonly rest: Uint8Array
  /** What the proxy in front calls the connection, latin1; empty: it does not. */
  readonly uniqueId: string
  /** `null`: nobody says anything of TLS. */
  readonly tls: ArrivalTls | null
  /** Its requests came to us, or to the proxy in front, by TLS. */
  readonly secure: boolean
  /** Whose connection it is; empty: nobody's in particular. */
  readonly user: string
}

const NOTHING: Uint8Array = new Uint8Array(0)

export function arrived(socket: Socket, capture: Capture | null = null): Arrival {
  const { peer, local } = socket
  const destination = capture === null ? null : capture.destination(socket, null)
  return { socket, peer, local, destination, rest: NOTHING, uniqueId: '', tls: null, secure: false, user: '' }
}

/** Why no PROXY header is taken from there, or ''. A unix-domain socket is its folder's to guard. */
export function mayIntroduce(peer: Endpoint, from: readonly Network[]): string {
  if (peer.family === 'unix') return ''
  const address = parseAddress(peer.address)
  const known = address !== null && from.some((network) => contains(network, address))
  return known ? '' : `${peer.address} is not in proxy_protocol_from`
}

/** A connection that has still to say whose it is. */
export class Newcomer implements Timed {
  deadline: number
  slot = -1
  readonly socket: Socket
  readonly #proxy: Proxy
  readonly #listener: ListenerContext
  #late = false
  #overdue = 'no PROXY header came in time'

  constructor(proxy: Proxy, listener: ListenerContext, socket: Socket) {
    this.#proxy = proxy
    this.#listener = listener
    this.socket = socket
    this.deadline = proxy.deadlines.after(listener.settings.head_timeout)
    proxy.deadlines.add(this)
    listener.newcomers.add(this)
  }

  /**
   * Read the header of the PROXY protocol, which comes before anything else, and shake hands where clients come by TLS.
   * @returns why there is none of what must be; then the connection is closed.
   */
  async introduction(): Promise<Arrival | string> {
    try {
      const arrival = await this.#arrive()
      if (typeof arrival !== 'string') return arrival
      this.socket.abort()
      return this.#late ? this.#overdue : arrival
    } catch (error) {
      this.socket.close()
      return this.#late ? this.#overdue : machineWords(error)
    } finally {
      this.#proxy.deadlines.remove(this)
      this.#listener.newcomers.delete(this)
    }
  }

  expired(): void {
    this.#late = true
    this.socket.close()
  }

  close(): void {
    this.socket.close()
  }

  async #arrive(): Promise<Arrival | string> {
    const { door, capture, introducers, settings } = this.#listener
    let arrival: Arrival | string
    if (settings.proxy_protocol === 'off') arrival = arrived(this.socket, capture)
    else arrival = mayIntroduce(this.socket.peer, introducers) || await this.#read()
    return door === null || typeof arrival === 'string' ? arrival : this.#enter(door, arrival)
  }

  async #enter(door: TlsDoor, arrival: Arrival): Promise<Arrival | string> {
    this.#overdue = 'the TLS handshake was not done in time'
    const entered = await door.enter(this.socket, arrival.rest)
    if (typeof entered === 'string') return entered
    const { socket, serverName } = entered
    const { version, cipher, name } = socket.tls
    // What is no good was refused.
    const verified = name !== ''
    const tls: ArrivalTls = { version, cipher, serverName, clientName: name, verified }
    const user = verified && USER.test(name) ? name : arrival.user
    return { ...arrival, socket, rest: NOTHING, tls, secure: true, user }
  }

  async #read(): Promise<Arrival | string> {
    let kept: ByteWriter | null = null
    for (;;) {
      const pulled = await this.socket.next()
      if (pulled.done === true) return 'it closed before its PROXY header'
      let bytes: Uint8Array = pulled.value
      if (kept !== null) {
        kept.put(bytes)
        bytes = kept.bytes.subarray(0, kept.length)
      }
      const step = parseProxyHeader(bytes)
      if (step.kind === 'bad') return step.why
      if (step.kind === 'header') return this.#introduced(step.header, bytes.subarray(step.header.size))
      if (kept === null) {
        kept = new ByteWriter(256)
        kept.put(bytes)
      }
    }
  }

  #introduced(header: ProxyHeader, rest: Uint8Array): Arrival {
    const { socket } = this
    const { source, destination, uniqueId, tls } = header
    const user = this.#listener.settings.proxy_protocol_user === 'cn' ? userOf(header) : ''
    const peer = source ?? socket.peer
    const local = destination ?? socket.local
    const { capture } = this.#listener
    const going = capture === null ? null : capture.destination(socket, destination)
    return { socket, peer, local, destination: going, rest, uniqueId, tls: tlsOf(header), secure: tls !== null, user }
  }
}

function tlsOf({ tls, authority: serverName }: ProxyHeader): ArrivalTls | null {
  if (tls === null) {
    return serverName === '' ? null : { version: '', cipher: '', serverName, clientName: '', verified: false }
  }
  const { version, cipher, name: clientName, verified } = tls
  return { version, cipher, serverName, clientName, verified }
}

/** Names become parts of lines: what could end one, or stand for another text than it is, is nobody's. */
const USER = /^[^\p{C}\p{Zl}\p{Zp}\ufffd]{1,255}$/u

/** Whom a certificate that was found good is made out to. */
function userOf({ tls }: ProxyHeader): string {
  return tls !== null && tls.verified && USER.test(tls.name) ? tls.name : ''
}
