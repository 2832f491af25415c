/**
 * Tunnels of clients that do not speak HTTP to us: SOCKS, TLS, and whatever comes to a listener of mode "passthrough". Each is
 * made a CONNECT, so that it is decided about, connected and logged as one; only the answers are others.
 */

import { parseAddress, splitHostPort } from '../bytes/address.ts'
import { toBytes } from '../bytes/ascii.ts'
import { Failure, type FailureCode } from '../failure.ts'
import { machineWords } from '../flow/machine_words.ts'
import { type OwnHead, readHead } from '../http/change.ts'
import type { SocksRefusal, SocksRequest } from '../socks/server.ts'
import { socksEstablished, socksRefused, SocksServer } from '../socks/server.ts'
import type { Client } from './client.ts'
import { linger, type Recorded, refuseUnread } from './connection.ts'
import { INTERNAL_ERROR, Peek, REFUSED_NAME } from './peek.ts'
import { perform } from './perform.ts'

/** What a client that speaks no HTTP is answered. */
export interface TunnelAnswers {
  readonly established: Uint8Array
  refused(failure: Failure): Uint8Array
}

const NOTHING: Uint8Array = new Uint8Array(0)
/** There are no words: the end of the connection has to say it. */
export const SILENT: TunnelAnswers = { established: NOTHING, refused: () => NOTHING }

/** HTTPS's own port, for who was not captured on the way to another. */
const TLS_PORT = 443
/** Nobody is behind the name, whoever is asked. */
const NO_SUCH_NAME: ReadonlySet<FailureCode> = new Set<FailureCode>(['name-not-found', 'name-no-address'])
/** What a TLS client is told: it knows alerts, and no pages. */
const ALERTS: TunnelAnswers = {
  established: NOTHING,
  refused: ({ code, when }) =>
    when === 'decide' || when === 'request' || NO_SUCH_NAME.has(code) ? REFUSED_NAME : INTERNAL_ERROR,
}

/** Letters, digits and what else stands in names of hosts: what is none must not become a part of a head. */
const NAME = /^[A-Za-z0-9._-]{1,255}$/

/** A CONNECT to there. @throws Failure bad-target */
function connectTo(host: string, port: number): OwnHead {
  const sixth = host.includes(':')
  if (sixth ? parseAddress(host) === null : !NAME.test(host)) throw new Failure('bad-target', 'a host that is none')
  const authority = sixth ? `[${host}]:${port}` : `${host}:${port}`
  return readHead(toBytes(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`))
}

/** Serve one SOCKS client: one tunnel, or a refusal. */
export async function converseSocks(client: Client, recorded: Recorded): Promise<void> {
  const { users } = client.listener
  const socks = new SocksServer(users !== null)
  await converseTunnel(client, recorded, async () => {
    client.wait('request', client.listener.settings.idle_timeout)
    for (;;) {
      const step = socks.next()
      switch (step.kind) {
        case 'more':
          if (!await more(client, socks)) return null
          continue
        case 'reply':
          client.outbox.writer.put(step.bytes)
          await client.outbox.flush()
          continue
        case 'bad':
          client.answers = { established: NOTHING, refused: () => step.reply }
          if (users === null || !step.login) throw new Failure('bad-request', `SOCKS: ${step.why}`)
          users.refused(client.record.client, `SOCKS: ${step.why}`)
          throw new Failure('login-needed', `SOCKS: ${step.why}`)
        case 'login': {
          if (users === null) throw new Error('a login that was not asked for')
          client.user = users.login(step.user, step.password, client.record.client)
          const reply = socks.admit(client.user !== '')
          if (client.user === '') {
            client.answers = { established: NOTHING, refused: () => reply }
            throw new Failure('login-needed', 'SOCKS: a wrong name or password')
          }
          client.outbox.writer.put(reply)
          await client.outbox.flush()
          continue
        }
        case 'request':
          client.answers = answersOf(step.request)
          client.messages.parser.feed(socks.rest())
          if (step.request.command !== 'connect') throw new Failure('method-refused', 'SOCKS: only CONNECT is served')
          return connectTo(step.request.host, step.request.port)
      }
    }
  })
}

/** Serve one connection of a listener that knows where all of them go. */
export async function conversePassthrough(client: Client, recorded: Recorded): Promise<void> {
  await converseTunnel(client, recorded, () => {
    const { server } = client.listener.settings
    const { destination } = client.arrival
    if (destination !== null) return Promise.resolve(connectTo(destination.address, destination.port))
    if (server === '') throw new Failure('bad-target', 'it was not captured, and there is no server')
    const parts = splitHostPort(server)
    if (parts === null) throw new Error(`server "${server}" passed validation and is no address`)
    return Promise.resolve(connectTo(parts.host, parts.port))
  })
}

/** Serve one TLS client by the name that it asks for; nothing is decrypted. */
export async function converseTls(client: Client, recorded: Recorded): Promise<void> {
  await converseTunnel(client, recorded, async () => {
    const hello = new Peek(client)
    await hello.greeting()
    const { facts } = hello
    if (!hello.speaksTls) {
      if (hello.size === 0) return null
      throw new Failure('bad-request', 'it does not begin with a ClientHello')
    }
    client.answers = ALERTS
    if (hello.unreadable !== '') throw new Failure('denied', hello.unreadable)
    client.hello = hello
    const { destination } = client.arrival
    const port = destination === null ? TLS_PORT : destination.port
    // An address in the place of a name is none (RFC 6066 3).
    if (facts.sni !== '') return connectTo(facts.sni, port)
    if (destination !== null) return connectTo(destination.address, port)
    throw new Failure('bad-host', 'the ClientHello names no server')
  })
}

/** `open` reads what the client wants; `null`: it left before it said so. */
async function converseTunnel(client: Client, recorded: Recorded, open: () => Promise<OwnHead | null>): Promise<void> {
  let own: OwnHead | null = null
  try {
    try {
      own = await open()
    } catch (error) {
      const failure = error instanceof Failure ? error : client.late ?? new Failure('client-left', machineWords(error))
      if (await refuseUnread(client, failure, recorded)) await linger(client)
      return
    }
    if (own === null) return
    client.begin(own.head)
    client.reusable = false
    await perform(client, own.head)
    client.finish()
    recorded(client.record)
    client.release(false)
    await linger(client)
  } finally {
    client.close()
    client.messages.parser.release()
    own?.release()
  }
}

/** @returns false when the client has ended. @throws Failure head-timeout; SystemFailure */
async function more(client: Client, socks: SocksServer): Promise<boolean> {
  const pulled = await client.messages.pull()
  if (client.late !== null) throw client.late
  if (pulled.done === true) return false
  client.messages.received += pulled.value.length
  socks.feed(pulled.value)
  if (client.waits === 'request') client.wait('head', client.listener.settings.head_timeout)
  return true
}

function answersOf({ version }: SocksRequest): TunnelAnswers {
  return {
    established: socksEstablished(version),
    refused: (failure) => socksRefused(version, refusalOf(failure)),
  }
}

function refusalOf({ code, when }: Failure): SocksRefusal {
  switch (code) {
    case 'method-refused':
      return 'command'
    case 'connect-refused':
      return 'refused'
    case 'connect-timeout':
    case 'name-timeout':
      return 'timed-out'
    case 'connect-unreachable':
      return 'unreachable'
    case 'bad-target':
    case 'bad-host':
      return 'no-host'
    default:
      if (when === 'decide') return 'not-allowed'
      return when === 'resolve' ? 'no-host' : 'failed'
  }
}
