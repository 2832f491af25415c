/** The parents of the configuration: which one a request goes through, and what is known of their servers. */

import { latin1 } from '../bytes/ascii.ts'
import { DIRECT, type ParentSettings, type Settings } from '../config/settings.ts'
import { EXIT } from '../exit_codes.ts'
import { Checks } from '../flow/checks.ts'
import type { Dialler } from '../flow/dial.ts'
import { Group, type Server } from '../flow/group.ts'
import { Parent } from '../flow/parent.ts'
import { Seldom } from '../flow/seldom.ts'
import { LOGIN_TEXT_SIZE, PARENT_COMPLAINTS_TIME, SERVER_FALL, SERVER_RISE, SERVER_SLOW_START } from '../limits.ts'
import type { Runtime } from '../runtime.ts'
import { SystemFailure } from '../runtime.ts'
import type { SocksLogin } from '../socks/client.ts'
import type { Client } from './client.ts'
import { logger } from './diagnostics.ts'
import { blame, changesTo, groupSnapshot, prefaceOf, serverOf } from './groups.ts'
import type { Snapshot } from './snapshot.ts'
import { cannotRead, StartFailure } from './start_failure.ts'

/** A parent, and whether a request may do without it when none of its servers can be reached. */
export interface Way {
  readonly parent: Parent
  readonly orDirect: boolean
}

/** Permission bits of others than the owner: to read, or more. */
const OTHERS = 0o077

export class Parents {
  readonly #runtime: Runtime
  readonly #settings: readonly ParentSettings[]
  readonly #log = logger('parent')
  readonly #ways = new Map<string, readonly [strict: Way, lenient: Way]>()
  readonly #all: readonly Parent[]
  readonly #complaints = new Map<Parent, Seldom>()
  readonly #checks: Checks[] = []
  /** For what no rule says otherwise about; `null`: that goes directly. */
  readonly #everything: Way | null

  /** `null` where no parent is configured. */
  static of(runtime: Runtime, settings: Settings): Parents | null {
    return settings.parent.length === 0 ? null : new Parents(runtime, settings)
  }

  private constructor(runtime: Runtime, { parent: settings, outgoing }: Settings) {
    this.#runtime = runtime
    this.#settings = settings
    this.#all = settings.map((one) => {
      const options = { balance: one.balance, fall: SERVER_FALL, rise: SERVER_RISE, slow_start: SERVER_SLOW_START }
      const parent = new Parent(
        one,
        new Group(one.name, one.servers.map((server) => serverOf('parent', server)), options, runtime.clock),
      )
      this.#complaints.set(parent, new Seldom(runtime.clock, 1, PARENT_COMPLAINTS_TIME))
      this.#ways.set(one.name, [{ parent, orDirect: false }, { parent, orDirect: true }])
      return parent
    })
    this.#everything = outgoing.parent === '' ? null : this.#way(outgoing.parent, outgoing.or_direct)
  }

  #way(name: string, orDirect: boolean): Way {
    const ways = this.#ways.get(name)
    if (ways === undefined) throw new Error(`parent "${name}" passed validation and is none`)
    return ways[orDirect ? 1 : 0]
  }

  /** How the request of this client goes; `null`: directly. What a decision leads to a server that it names goes there. */
  wayOf({ petition, listener }: Pick<Client, 'petition' | 'listener'>): Way | null {
    if (listener.settings.mode === 'reverse') return null
    if (petition === null) return this.#everything
    if (petition.dial !== null && petition.dial.trusted) return null
    if (petition.parent === '') return this.#everything
    return petition.parent === DIRECT ? null : this.#way(petition.parent, petition.orDirect)
  }

  /** Read the logins. `speaks`: say it where a file is open to others. @throws StartFailure with what to do */
  async open(speaks: boolean): Promise<void> {
    for (const [i, { name, credentials_file: path }] of this.#settings.entries()) {
      if (path === '') continue
      const option = `parent.${name}.credentials_file`
      try {
        this.#all[i].login = await this.#read(name, path, speaks)
      } catch (error) {
        if (!(error instanceof CredentialsError)) throw cannotRead(option, path, error)
        throw new StartFailure(EXIT.configuration, `${option}: ${path}: ${error.message}`)
      }
    }
  }

  /** Read the logins again. Where that fails, the ones that are known stay. */
  async reload(): Promise<void> {
    for (const [i, { name, credentials_file: path }] of this.#settings.entries()) {
      if (path === '') continue
      try {
        this.#all[i].login = await this.#read(name, path, true)
      } catch (error) {
        if (!(error instanceof CredentialsError || error instanceof SystemFailure)) throw error
        const why = error.message
        this.#log.warning('parent {name}: {path}: {why}; the login known until now stays', { name, path, why })
      }
    }
  }

  async #read(name: string, path: string, speaks: boolean): Promise<SocksLogin> {
    const login = parseCredentials(await this.#runtime.files.read(path))
    const status = await this.#runtime.files.status(path)
    if (speaks && status?.mode !== undefined && (status.mode & OTHERS) !== 0) {
      this.#log.warning('parent {name}: {path} is open to other users; take it from them: chmod 600', { name, path })
    }
    return login
  }

  /** Begin to check the servers, where that is asked for. `bug` is told of what is thrown and is no failure. */
  watch(dialler: Dialler, bug: (error: unknown) => void): void {
    const preface = prefaceOf(dialler.outgoing)
    for (const [i, { name, check, check_interval: interval, check_url: target }] of this.#settings.entries()) {
      if (check === 'off') continue
      const options = { check, interval, target, host: authorityOf(target), preface, login: this.#all[i] }
      const changed = changesTo(this.#log, 'parent', name)
      const checks = new Checks(this.#runtime, dialler, this.#all[i].group, options, { changed, bug })
      this.#checks.push(checks)
      checks.start()
    }
  }

  /** It could not be reached, or has not done what it was asked for, for which nobody else is to blame. */
  failed({ group }: Parent, server: Server, why: string): void {
    blame(this.#log, 'parent', group, server, why)
  }

  /** It does not accept our login, or misses one: said once in a while, for all requests fail by it. */
  refusedLogin(parent: Parent, server: Server, why: string): void {
    if (!this.#complaints.get(parent)!.may()) return
    const { name, login } = parent
    const words = login === null
      ? 'parent {name}: {server} asks for a login; name the file that holds it in parent.{name}.credentials_file: {why}'
      : 'parent {name}: {server} does not accept the login of parent.{name}.credentials_file: {why}'
    this.#log.error(words, { name, server: server.key, why })
  }

  close(): void {
    for (const checks of this.#checks) checks.close()
  }

  snapshot(): Snapshot {
    return groupSnapshot('parent', this.#all.map(({ group }) => group))
  }
}

/** Where there is none. */
export const NO_PARENTS: Snapshot = {
  parent_server_up: {},
  parent_server_active: {},
  parent_server_chosen_total: {},
  parent_server_failures_total: {},
}

/** A file that is none. The message never holds a part of it: it may be a password. */
class CredentialsError extends Error {}

const LINE_END = 0x0a
/** U+FEFF in UTF-8, one character a byte: editors put it in front, and it is no part of a name. */
const BYTE_ORDER_MARK = '\xef\xbb\xbf'

/** One line, `user:password`, of which the bytes go out as they are. @throws CredentialsError */
export function parseCredentials(bytes: Uint8Array): SocksLogin {
  const end = bytes.indexOf(LINE_END)
  let line = latin1(bytes, 0, end < 0 ? bytes.length : end)
  if (line.startsWith(BYTE_ORDER_MARK)) line = line.slice(BYTE_ORDER_MARK.length)
  if (line.endsWith('\r')) line = line.slice(0, -1)
  if (end >= 0 && end < bytes.length - 1) throw new CredentialsError('it has more than one line')
  const colon = line.indexOf(':')
  if (colon < 0) throw new CredentialsError('it is no user, ":" and password')
  const user = line.slice(0, colon)
  const password = line.slice(colon + 1)
  // deno-lint-ignore no-control-regex
  if (/[\x00-\x1f\x7f]/.test(line)) throw new CredentialsError('it holds a control character')
  for (const [what, text] of [['user', user], ['password', password]]) {
    // RFC 1929 2 has one byte for their lengths.
    if (text === '' || text.length > LOGIN_TEXT_SIZE) {
      throw new CredentialsError(`the ${what} is empty or longer than ${LOGIN_TEXT_SIZE} bytes`)
    }
  }
  return { user, password }
}

/** Of an absolute URL, what belongs into Host. */
function authorityOf(url: string): string {
  const start = url.indexOf('://') + 3
  const end = url.slice(start).search(/[/?]/)
  return end < 0 ? url.slice(start) : url.slice(start, start + end)
}
