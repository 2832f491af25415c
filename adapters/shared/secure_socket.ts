/** A socket inside TLS, its handshake done. */
import type { TLSSocket } from 'node:tls'
import type { Endpoint, TlsAgreement, TlsSocket } from '../../core/runtime.ts'
import { SystemFailure } from '../../core/runtime.ts'
import { closed } from './failure.ts'
import { plain, Pushed } from './pushed.ts'
import type { Wire } from './wire.ts'

export class SecureSocket extends Pushed implements TlsSocket {
  readonly tls: TlsAgreement
  private readonly secure: TLSSocket
  private readonly wire: Wire
  private ended = false
  /** We closed it. */
  private shut = false
  private gone = false
  private refuse: ((reason: SystemFailure) => void) | null = null

  /** `secure` must be paused, without having been read. `judged`: the certificate of the peer was, if it gave one. */
  constructor(secure: TLSSocket, wire: Wire, judged: boolean) {
    super(true)
    this.secure = secure
    this.wire = wire
    this.tls = factsOf(secure, judged)
    wire.hold()
    secure.on('data', (chunk: Uint8Array) => this.deliver(plain(chunk)))
      .on('end', () => this.concluded())
      .on('error', (error: Error) => this.broke(error))
      .on('close', () => this.broke(null))
  }

  get local(): Endpoint {
    return this.wire.socket.local
  }

  get peer(): Endpoint {
    return this.wire.socket.peer
  }

  standstill(): number {
    return this.wire.socket.standstill?.() ?? Infinity
  }

  protected pause(): void {
    this.secure.pause()
    this.wire.hold()
  }

  protected resume(): void {
    this.secure.resume()
    this.wire.release()
  }

  write(bytes: Uint8Array, size = bytes.length): Promise<void> {
    if (this.ended) throw closed()
    if (this.gone || this.wire.failure !== null) throw this.reason(null)
    return new Promise((resolve, reject) => {
      this.refuse = reject
      const done = (error?: Error | null): void => {
        this.refuse = null
        if (error) reject(this.reason(error))
        else resolve()
      }
      this.secure.write(size === bytes.length ? bytes : bytes.subarray(0, size), (error) => {
        if (error) done(error)
        else this.wire.flushed(done)
      })
    })
  }

  end(): void {
    if (this.ended) return
    this.ended = true
    this.secure.end()
  }

  /** Unless something is on its way still, which is dropped, the peer is told that this is the end (RFC 8446 6.1). */
  close(): void {
    const orderly = !this.gone && this.refuse === null && this.wire.clear
    if (!this.forget()) return
    if (!orderly) {
      this.destroy()
      return
    }
    this.secure.end()
    // Deno's writes close_notify only after this; whoever does not read is not waited for.
    setImmediate(() => this.destroy())
  }

  abort(): void {
    if (!this.forget()) return
    this.wire.socket.abort()
    this.destroy()
  }

  private destroy(): void {
    this.secure.destroy()
    this.wire.destroy()
  }

  private forget(): boolean {
    if (this.shut) return false
    this.shut = true
    this.ended = true
    this.gone = true
    this.drop()
    this.refuseWrite()
    return true
  }

  private concluded(): void {
    const { failure, concluded } = this.wire
    if (failure === null && concluded) {
      this.finish()
      return
    }
    this.gone = true
    this.fail(failure ?? new SystemFailure('reset', 'it ended without close_notify'))
  }

  private broke(error: Error | null): void {
    this.gone = true
    this.fail(this.reason(error))
    this.refuseWrite()
  }

  private refuseWrite(): void {
    const refuse = this.refuse
    this.refuse = null
    refuse?.(this.reason(null))
  }

  private reason(error: Error | null): SystemFailure {
    if (this.shut) return closed()
    if (this.wire.failure !== null) return this.wire.failure
    if (error === null) return new SystemFailure('reset', 'ECONNRESET')
    const { code } = error as { code?: string }
    return code === 'ECONNRESET' || code === 'EPIPE'
      ? new SystemFailure('reset', code)
      : new SystemFailure('tls', wordsOf(error))
  }
}

/** A line of OpenSSL's or BoringSSL's: `error:CODE:LIBRARY:FUNCTION:REASON`, and perhaps where in its source. */
const LIBRARY_LINE = /error:[0-9A-F]+:[^:]*:[^:]*:([^:\n]+)/i

/** What the library says of an error, without where in its source. */
export function wordsOf(error: unknown): string {
  const { code, message = String(error), reason } = error as { code?: string; message?: string; reason?: string }
  const words = reason ?? LIBRARY_LINE.exec(message)?.[1] ?? message.split('\n', 1)[0]
  return code === undefined || words.includes(code) ? words : `${words} (${code})`
}

interface Certificate {
  subject?: { CN?: string | string[] }
  fingerprint256?: string
  valid_to?: string
}

function factsOf(secure: TLSSocket, judged: boolean): TlsAgreement {
  // A client that is not asked has one even so in Deno, where its session was begun with others, who may have refused it.
  const certificate = judged ? secure.getPeerCertificate() as Certificate | null : null
  const name = certificate?.subject?.CN ?? ''
  return {
    version: secure.getProtocol() ?? '',
    cipher: secure.getCipher()?.name ?? '',
    alpn: typeof secure.alpnProtocol === 'string' ? secure.alpnProtocol : '',
    name: typeof name === 'string' ? name : name.at(-1) ?? '',
    fingerprint: certificate?.fingerprint256 ?? '',
    resumed: secure.isSessionReused?.() === true,
  }
}

export const EXPIRED = "the client's certificate: it has expired"

/** Of a server: why the certificate of its client will not do, or ''. */
export function refusalOf(secure: TLSSocket, required: boolean): string {
  const certificate = secure.getPeerCertificate() as Certificate | null
  if (certificate?.subject === undefined) return required ? 'the client gave no certificate' : ''
  if (secure.authorized) return ''
  const { ssl, authorizationError } = secure as unknown as {
    ssl?: { verifyError?: () => unknown }
    authorizationError?: unknown
  }
  const found = ssl?.verifyError === undefined ? authorizationError ?? 'not verified' : ssl.verifyError()
  if (!found) return ''
  // Deno says of such a one that its issuer is not known.
  if (Date.parse(certificate.valid_to ?? '') < Date.now()) return EXPIRED
  const { message, code } = found as { message?: string; code?: string }
  return `the client's certificate: ${message ?? code ?? String(found)}`
}
