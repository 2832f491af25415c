/** The files TLS is made of: read at start, where what is wrong keeps the service from starting, and again at SIGHUP. */

import { DAY, isoTime } from '../bytes/calendar.ts'
import { EXIT } from '../exit_codes.ts'
import { CERTIFICATE_NOTICE } from '../limits.ts'
import { type Runtime, SystemFailure, type Tls, type TlsIdentity } from '../runtime.ts'
import { logger } from './diagnostics.ts'
import { cannotRead, StartFailure } from './start_failure.ts'

export class TlsFiles {
  readonly #runtime: Runtime
  /** The option they are named in: `listener.NAME.tls`. */
  readonly #option: string

  constructor(runtime: Runtime, option: string) {
    this.#runtime = runtime
    this.#option = option
  }

  /** @throws StartFailure */
  get tls(): Tls {
    const { tls, name } = this.#runtime
    if (tls === undefined) throw new StartFailure(EXIT.unavailable, `${this.#option}: "${name}" has no TLS`)
    return tls
  }

  /** `null` for an empty path. @throws StartFailure */
  async read(path: string): Promise<Uint8Array | null> {
    if (path === '') return null
    try {
      return await this.#runtime.files.read(path)
    } catch (error) {
      throw cannotRead(this.#option, path, error)
    }
  }

  /** `null` where there are no paths. @throws StartFailure */
  async identity(cert: string, key: string): Promise<TlsIdentity | null> {
    const [certificate, own] = [await this.read(cert), await this.read(key)]
    return certificate === null || own === null ? null : { cert: certificate, key: own }
  }

  /** What is made of them. `paths`: for the words, where what is in them will not do. @throws StartFailure */
  make<T>(paths: Readonly<Record<string, string>>, work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (!(error instanceof SystemFailure)) throw error
      const named = Object.entries(paths).filter(([, path]) => path !== '').map(([what, path]) => `${what} = ${path}`)
      throw new StartFailure(EXIT.configuration, `${this.#option}: ${error.detail} (${named.join(', ')})`)
    }
  }

  /** Warn of a certificate that has ended, or will soon. `expires`: ms since 1970-01-01 UTC. */
  judge(path: string, expires: number): void {
    const left = expires - this.#runtime.clock.date()
    if (left > CERTIFICATE_NOTICE) return
    const about = { option: this.#option, path, date: isoTime(expires), days: Math.floor(left / DAY) }
    const log = logger('tls')
    if (left > 0) log.warning('{option}: the certificate in {path} expires in {days} days ({date}): renew it', about)
    else log.warning('{option}: the certificate in {path} has expired ({date}), and clients refuse it', about)
  }

  /** Warn of a further certificate that no client can ask for. `names`: those of it that earlier ones have not. */
  judgeNames(path: string, all: readonly string[], names: readonly string[]): void {
    if (names.length > 0) return
    const why = all.length === 0 ? 'it names no host' : 'earlier ones are for all that it names'
    logger('tls').warning('{option}: the certificate in {path} is never shown: {why}', {
      option: this.#option,
      path,
      why,
    })
  }

  /** Do the work of the start again: what was before stays where that fails. */
  async renew(work: () => Promise<void>): Promise<void> {
    const log = logger('tls')
    try {
      await work()
      log.info('{option}: read again', { option: this.#option })
    } catch (error) {
      if (!(error instanceof StartFailure)) throw error
      log.warning('{why}; what was read before stays', { why: error.message })
    }
  }
}
