/** Where the TLS of clients ends: the certificates of a listener, and the handshake. */

import { ByteWriter } from '../bytes/writer.ts'
import type { ListenerSettings } from '../config/settings.ts'
import type { Runtime, Socket, TlsServer, TlsSocket } from '../runtime.ts'
import { HelloReader } from '../tls/client_hello.ts'
import { TlsFiles } from './tls_files.ts'

export interface Entered {
  readonly socket: TlsSocket
  /** The name it asked for (SNI), in policy form; empty: none. */
  readonly serverName: string
}

/** Certificates by the name that is asked for: exact, then a wildcard of one label (RFC 9525 6.3), else the first. */
export class TlsDoor {
  readonly #settings: ListenerSettings
  readonly #files: TlsFiles
  #default!: TlsServer
  #byName: ReadonlyMap<string, TlsServer> = new Map()

  private constructor(runtime: Runtime, settings: ListenerSettings) {
    this.#settings = settings
    this.#files = new TlsFiles(runtime, `listener.${settings.name}.tls`)
  }

  /** `null` where the listener has none. @throws StartFailure with what to do */
  static async open(runtime: Runtime, settings: ListenerSettings): Promise<TlsDoor | null> {
    if (settings.tls.length === 0) return null
    const door = new TlsDoor(runtime, settings)
    await door.#read()
    return door
  }

  /** Read the files again; connections that are there stay as they are. */
  reload(): Promise<void> {
    return this.#files.renew(() => this.#read())
  }

  /** For this server name. */
  find(name: string): TlsServer {
    return this.#byName.get(name) ?? this.#byName.get(`*${name.slice(name.indexOf('.'))}`) ?? this.#default
  }

  /**
   * Shake hands. `rest` is what it has sent already, lent.
   * @returns why there is no TLS: what came is none. @throws SystemFailure
   */
  async enter(socket: Socket, rest: Uint8Array): Promise<Entered | string> {
    const hello = new HelloReader()
    const kept = new ByteWriter(1024)
    for (let bytes = rest;;) {
      kept.put(bytes)
      if (hello.feed(bytes) === 'done') break
      const pulled = await socket.next()
      if (pulled.done === true) return 'it closed before its ClientHello'
      bytes = pulled.value
    }
    const { tls, sni: serverName } = hello.facts
    if (!tls) return 'what it says is no TLS'
    return { socket: await this.find(serverName).accept(socket, kept.view()), serverName }
  }

  async #read(): Promise<void> {
    const { tls: all, client_certificates: clientCertificates, client_ca } = this.#settings
    const files = this.#files
    const ca = await files.read(client_ca)
    const byName = new Map<string, TlsServer>()
    let first: TlsServer | null = null
    for (const { cert, key } of all) {
      const identity = (await files.identity(cert, key))!
      const server = files.make({ cert, key, client_ca }, () => {
        return files.tls.server({ ...identity, ca, clientCertificates })
      })
      files.judge(cert, server.expires)
      const names = server.names.filter((name) => !byName.has(name))
      if (first === null) first = server
      else files.judgeNames(cert, server.names, names)
      for (const name of names) byName.set(name, server)
    }
    this.#default = first!
    this.#byName = byName
  }
}
