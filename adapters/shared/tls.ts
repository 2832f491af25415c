/** TLS by node:tls, which Node, Deno and Bun have, over any socket of this machine. */
import { createHash, createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import process from 'node:process'
import * as nodeTls from 'node:tls'
import type { Socket, Tls, TlsClientOptions, TlsIdentity, TlsServer, TlsServerOptions } from '../../core/runtime.ts'
import { SystemFailure } from '../../core/runtime.ts'
import { EXPIRED, refusalOf, SecureSocket, wordsOf } from './secure_socket.ts'
import { Wire } from './wire.ts'

const PROTOCOLS = ['http/1.1']
const OLDEST = 'TLSv1.2'
/** Sessions kept by one client, the oldest giving way: some kilobytes each. */
const SESSIONS = 1000
/** Clients remembered by their certificates, the one that has not been here for longest giving way: 200 bytes each. */
const CLIENTS = 10_000
const IN_DENO = 'deno' in process.versions
const ONLY_NODE = !('bun' in process.versions || IN_DENO)

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

const bad = (words: string): SystemFailure => new SystemFailure('tls', words)

const text = (bytes: Uint8Array): string => new TextDecoder('latin1').decode(bytes)

/** The certificates of a PEM file, in order. @throws SystemFailure */
function certificates(bytes: Uint8Array, what: string): X509Certificate[] {
  const found = text(bytes).match(PEM) ?? []
  if (found.length === 0) throw bad(`${what} has no certificate (-----BEGIN CERTIFICATE-----)`)
  return found.map((one) => {
    try {
      return new X509Certificate(one)
    } catch {
      throw bad(`${what} has a certificate that cannot be read`)
    }
  })
}

/** What some runtimes would only find out in the first handshake, or never. @throws SystemFailure */
function checked({ cert, key }: TlsIdentity): X509Certificate {
  const [own] = certificates(cert, 'cert')
  let fits: boolean
  try {
    fits = own.checkPrivateKey(createPrivateKey(text(key)))
  } catch {
    throw bad('key has no private key that can be read (PEM, without a passphrase)')
  }
  if (!fits) throw bad('key is not the key of the first certificate in cert')
  return own
}

function authorities(ca: Uint8Array | null): string[] | undefined {
  if (ca === null) return undefined
  certificates(ca, 'ca')
  return text(ca).match(PEM) ?? undefined
}

/** `DNS:a.example, DNS:*.example, IP Address:192.0.2.1` */
function namesOf(certificate: X509Certificate): string[] {
  const listed = certificate.subjectAltName ?? ''
  return listed.split(', ').filter((one) => one.startsWith('DNS:')).map((one) => one.slice(4).toLowerCase())
}

/** Whom the system trusts; where the runtime cannot say, whom the runtime does. */
function systems(): string[] | undefined {
  const { getCACertificates } = nodeTls as { getCACertificates?: (of: 'system') => string[] }
  const found = ONLY_NODE ? getCACertificates?.('system') : undefined
  return found === undefined || found.length === 0 ? undefined : found
}

function contextOf(options: nodeTls.SecureContextOptions): nodeTls.SecureContext {
  try {
    return nodeTls.createSecureContext({ minVersion: OLDEST, ...options })
  } catch (error) {
    throw bad(wordsOf(error))
  }
}

/** What the machine says of a handshake that failed. */
function failureOf(error: unknown, wire: Wire): SystemFailure {
  if (wire.failure !== null) return wire.failure
  if (error instanceof SystemFailure) return error
  return (error as { code?: string }).code === 'ECONNRESET' ? LEFT : bad(wordsOf(error))
}

const LEFT = new SystemFailure('reset', 'it broke off the handshake')

function ignored(): void {}

/** Servers are judged by node:tls itself. */
const JUDGED: Judge = () => ''

type Judge = (secure: nodeTls.TLSSocket) => string

/** Settles with the handshake. `event`: what tells of its end; `judge`: says why the peer is refused; `null`: nobody asks. */
function shaken(secure: nodeTls.TLSSocket, wire: Wire, event: 'secure' | 'secureConnect', judge: Judge | null) {
  return new Promise<SecureSocket>((resolve, reject) => {
    let over = false
    const lose = (error: unknown): void => {
      if (over) return
      over = true
      const failure = failureOf(error, wire)
      secure.on('error', ignored)
      wire.on('error', ignored)
      secure.destroy()
      // What it wrote last, an alert, still goes out.
      wire.end()
      wire.destroy()
      reject(failure)
    }
    secure.once('error', lose)
    const left = (): void => lose(LEFT)
    secure.once('close', left)
    // A server is told nothing of a client that leaves; what came before it left is looked at first.
    wire.once('end', () => setImmediate(left))
    secure.once(event, () => {
      if (over) return
      const why = judge === null ? '' : judge(secure)
      if (why !== '') {
        lose(bad(why))
        return
      }
      over = true
      secure.pause()
      secure.removeAllListeners('error').removeAllListeners('close')
      resolve(new SecureSocket(secure, wire, judge !== null))
    })
    wire.begin()
  })
}

/** Until when the certificate of a client is good, by whom it was found so and its fingerprint. */
const found = new Map<string, number>()

/**
 * Deno goes on with a session that any server of this process has begun, whomever that one trusts, and tells nothing of what
 * was found then: only a certificate that was found good by the same `authorities` is good.
 * @returns why the client is refused, or ''
 */
function refusalOfResumed(secure: nodeTls.TLSSocket, authorities: string): string {
  const { fingerprint256: fingerprint, valid_to: end } = secure.getPeerCertificate()
  if (fingerprint === undefined) return ''
  const client = `${authorities} ${fingerprint}`
  const until = secure.isSessionReused() ? found.get(client) : Date.parse(end)
  if (until === undefined) return "the client's certificate: its session was begun where others are trusted"
  if (!(until > Date.now())) return EXPIRED
  found.delete(client)
  if (found.size >= CLIENTS) found.delete(found.keys().next().value!)
  found.set(client, until)
  return ''
}

function server(options: TlsServerOptions): TlsServer {
  const { cert, key, clientCertificates } = options
  const own = checked(options)
  const asks = clientCertificates !== 'off'
  const trusted = asks ? authorities(options.ca) : undefined
  const secureContext = contextOf({
    cert: text(cert),
    key: text(key),
    ca: trusted,
    // Sessions begun with this server alone may be resumed.
    sessionIdContext: randomBytes(16).toString('hex'),
  })
  const known = IN_DENO && trusted !== undefined ? createHash('sha256').update(trusted.join('')).digest('base64') : ''
  const judge: Judge = (secure) =>
    refusalOf(secure, clientCertificates === 'require') || (known === '' ? '' : refusalOfResumed(secure, known))
  const shared: nodeTls.TLSSocketOptions = {
    isServer: true,
    secureContext,
    requestCert: asks,
    // Judged by ourselves, below: Node does it only for its own servers.
    rejectUnauthorized: false,
    ALPNProtocols: PROTOCOLS,
  }
  return {
    names: namesOf(own),
    expires: Date.parse(own.validTo),
    accept(socket: Socket, first?: Uint8Array) {
      const wire = new Wire(socket, first)
      const secure = new nodeTls.TLSSocket(wire as never, shared)
      return shaken(secure, wire, 'secure', asks ? judge : null)
    },
  }
}

/** An address, which is no server name (RFC 6066 3). */
const isAddress = (name: string): boolean => /^[0-9.]+$/.test(name) || name.includes(':')

function client({ ca, verify, identity }: TlsClientOptions): ReturnType<Tls['client']> {
  if (identity !== null) checked(identity)
  const trusted = authorities(ca)
  const own = identity === null ? {} : { cert: text(identity.cert), key: text(identity.key) }
  const sessions = new Map<string, Uint8Array>()
  const secureContext = contextOf({ ...own, ca: trusted ?? (verify ? systems() : undefined) })
  // Deno and Bun do not take them from a context.
  const parts = ONLY_NODE ? { secureContext } : { ...own, ca: trusted }
  return {
    connect(socket: Socket, name: string) {
      const wire = new Wire(socket)
      const secure = nodeTls.connect({
        socket: wire as never,
        ...parts,
        host: name,
        ...isAddress(name) ? {} : { servername: name },
        session: sessions.get(name) as never,
        rejectUnauthorized: verify,
        minVersion: OLDEST,
        ALPNProtocols: PROTOCOLS,
      })
      secure.on('session', (session: Uint8Array) => {
        sessions.delete(name)
        if (sessions.size >= SESSIONS) sessions.delete(sessions.keys().next().value!)
        sessions.set(name, session)
      })
      return shaken(secure, wire, 'secureConnect', JUDGED)
    },
  }
}

export const tls: Tls = { server, client }
