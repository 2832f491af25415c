/** TLS to the servers of an upstream. */

import type { UpstreamTlsSettings } from '../config/settings.ts'
import type { Origins, Securing } from '../flow/origins.ts'
import type { Runtime, Socket, TlsClient, TlsSocket } from '../runtime.ts'
import { TlsFiles } from './tls_files.ts'

export class UpstreamTls implements Securing {
  /** What tells its connections from those of others to the same place. */
  readonly key: string
  readonly #settings: UpstreamTlsSettings
  readonly #files: TlsFiles
  #client!: TlsClient

  constructor(runtime: Runtime, upstream: string, settings: UpstreamTlsSettings) {
    this.key = `tls ${upstream}`
    this.#settings = settings
    this.#files = new TlsFiles(runtime, `upstream.${upstream}.tls`)
  }

  /** @throws StartFailure with what to do */
  open(): Promise<void> {
    return this.#read()
  }

  /** Read the files again, for exchanges to come: the connections of before were agreed on by others. */
  reload(origins: Origins): Promise<void> {
    return this.#files.renew(async () => {
      await this.#read()
      origins.renew(this)
    })
  }

  /** Shake hands with the server called `host`. @throws SystemFailure */
  secure(socket: Socket, host: string): Promise<TlsSocket> {
    return this.#client.connect(socket, this.#settings.name || host)
  }

  async #read(): Promise<void> {
    const files = this.#files
    const { ca, cert, key, verify } = this.#settings
    const authorities = await files.read(ca)
    const identity = await files.identity(cert, key)
    this.#client = files.make({ ca, cert, key }, () => files.tls.client({ ca: authorities, verify, identity }))
  }
}
