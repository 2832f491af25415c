/** The files TLS is made of: read at start, where what is wrong keeps the service from starting, and again at SIGHUP. */

import { EXIT } from '../exit_codes.ts'
import { type Runtime, SystemFailure, type Tls, type TlsIdentity } from '../runtime.ts'
import { logger } from './diagnostics.ts'
import { StartFailure } from './start_failure.ts'

/** Something wrong with a file, or with what is in it. The message names the option and the path. */
class TlsFilesError extends Error {
  readonly exit: number

  constructor(exit: number, message: string) {
    super(message)
    this.exit = exit
  }
}

export class TlsFiles {
  readonly #runtime: Runtime
  /** The option they are named in: `listener.NAME.tls`. */
  readonly #option: string

  constructor(runtime: Runtime, option: string) {
    this.#runtime = runtime
    this.#option = option
  }

  get tls(): Tls {
    const { tls, name } = this.#runtime
    if (tls === undefined) throw new TlsFilesError(EXIT.unavailable, `${this.#option}: "${name}" has no TLS`)
    return tls
  }

  /** `null` for an empty path. */
  async read(path: string): Promise<Uint8Array | null> {
    if (path === '') return null
    try {
      return await this.#runtime.files.read(path)
    } catch (error) {
      if (!(error instanceof SystemFailure)) throw error
      const exit = error.code === 'denied' ? EXIT.no_permission : EXIT.no_input
      const words = `cannot be read (${error.message}); give a file this user may read`
      throw new TlsFilesError(exit, `${this.#option}: ${path} ${words}`)
    }
  }

  /** `null` where there are no paths. */
  async identity(cert: string, key: string): Promise<TlsIdentity | null> {
    const [certificate, own] = [await this.read(cert), await this.read(key)]
    return certificate === null || own === null ? null : { cert: certificate, key: own }
  }

  /** What is made of them. `paths`: for the words, where what is in them will not do. */
  make<T>(paths: Readonly<Record<string, string>>, work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (!(error instanceof SystemFailure)) throw error
      const named = Object.entries(paths).filter(([, path]) => path !== '').map(([what, path]) => `${what} = ${path}`)
      throw new TlsFilesError(EXIT.configuration, `${this.#option}: ${error.detail} (${named.join(', ')})`)
    }
  }

  /** Run `work` at start. @throws StartFailure */
  async start(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (error instanceof TlsFilesError) throw new StartFailure(error.exit, error.message)
      throw error
    }
  }

  /** Run it again: what was before stays where that fails. */
  async renew(work: () => Promise<void>): Promise<void> {
    const log = logger('tls')
    try {
      await work()
      log.info('{option}: read again', { option: this.#option })
    } catch (error) {
      if (!(error instanceof TlsFilesError)) throw error
      log.warning('{why}; what was read before stays', { why: error.message })
    }
  }
}
