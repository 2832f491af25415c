/** Who may use a listener: the names and the passwords of a file (`users_file`). */

import { latin1, toBytes } from '../bytes/ascii.ts'
import { EXIT } from '../exit_codes.ts'
import { Seldom } from '../flow/seldom.ts'
import { LOGIN_COMPLAINTS, LOGIN_COMPLAINTS_TIME, LOGIN_TEXT_SIZE } from '../limits.ts'
import type { Runtime } from '../runtime.ts'
import { SystemFailure } from '../runtime.ts'
import { logger } from './diagnostics.ts'
import { cannotRead, StartFailure } from './start_failure.ts'

interface User {
  /** As it is in the file. */
  readonly name: string
  readonly password: Uint8Array
}

/** By the bytes of their names, one character each. */
export type UserTable = ReadonlyMap<string, User>

/** A file that is none. The message says where and why. */
export class UsersError extends Error {}

const decoder = new TextDecoder('utf-8', { fatal: true })
const encoder = new TextEncoder()
/** Names become parts of lines: what could end one, or stand for another text than it is, is none. */
const NAME = /^[^\p{C}\p{Zl}\p{Zp}]+$/u
const HASH = '#'
/** Of the mode of a file: everybody may read it. */
const OTHERS_READ = 0o004

/**
 * Read `name:password` lines of UTF-8; empty ones, and those that begin with "#", are passed over. A password may hold
 * anything but a line end. Neither may be longer than 255 bytes (RFC 1929 2) or empty.
 * @throws UsersError
 */
export function parseUsers(bytes: Uint8Array): UserTable {
  let text: string
  try {
    text = decoder.decode(bytes)
  } catch {
    throw new UsersError('it is not UTF-8')
  }
  const table = new Map<string, User>()
  for (const [i, whole] of text.split('\n').entries()) {
    const line = whole.endsWith('\r') ? whole.slice(0, -1) : whole
    if (line === '' || line.startsWith(HASH)) continue
    const wrong = (why: string): UsersError => new UsersError(`line ${i + 1}: ${why}`)
    const colon = line.indexOf(':')
    // Never the line itself: it may be a password.
    if (colon < 0) throw wrong('it is no name, ":" and password')
    const name = line.slice(0, colon)
    const password = padded(encoder.encode(line.slice(colon + 1)))
    const key = latin1(encoder.encode(name))
    if (!NAME.test(name) || key.length > LOGIN_TEXT_SIZE) throw wrong('the name is empty, too long or not printable')
    if (password === null) throw wrong(`the password is empty or longer than ${LOGIN_TEXT_SIZE} bytes`)
    if (table.has(key)) throw wrong(`${name} has been named before`)
    table.set(key, { name, password })
  }
  if (table.size === 0) throw new UsersError('it names nobody; write name:password, one a line')
  return table
}

/** A password with its size before it, all of one length, so that comparing two of them always takes as long. */
function padded(password: Uint8Array): Uint8Array | null {
  if (password.length === 0 || password.length > LOGIN_TEXT_SIZE) return null
  const all = new Uint8Array(1 + LOGIN_TEXT_SIZE)
  all[0] = password.length
  all.set(password, 1)
  return all
}

/** What an unknown name is compared with, and equals nothing: it has no size. */
const NOBODY: User = { name: '', password: new Uint8Array(1 + LOGIN_TEXT_SIZE) }

/**
 * Whose name and password these are: bytes, one character each. Takes as long for a wrong password as for a wrong name.
 * @returns '' for nobody's.
 */
export function userOf(table: UserTable, name: string, password: string): string {
  const user = table.get(name) ?? NOBODY
  const given = padded(toBytes(password)) ?? NOBODY.password
  let other = 0
  for (let i = 0; i < given.length; i++) other |= given[i] ^ user.password[i]
  return other === 0 ? user.name : ''
}

/** The users of one listener, from its file. */
export class Users {
  readonly #runtime: Runtime
  readonly #listener: string
  readonly #path: string
  readonly #complaints: Seldom
  readonly #log = logger('service')
  #table: UserTable = new Map()
  /** Logins that were none. */
  failed = 0

  private constructor(runtime: Runtime, listener: string, path: string) {
    this.#runtime = runtime
    this.#listener = listener
    this.#path = path
    this.#complaints = new Seldom(runtime.clock, LOGIN_COMPLAINTS, LOGIN_COMPLAINTS_TIME)
  }

  /** `speaks`: say it where the file is open to everybody. @throws StartFailure with what to do */
  static async open(runtime: Runtime, listener: string, path: string, speaks: boolean): Promise<Users> {
    const users = new Users(runtime, listener, path)
    const option = `listener.${listener}.users_file`
    try {
      await users.#read(speaks)
    } catch (error) {
      if (!(error instanceof UsersError)) throw cannotRead(option, path, error)
      throw new StartFailure(EXIT.configuration, `${option}: ${path}: ${error.message}`)
    }
    return users
  }

  /** Read the file again. Where it cannot be read, or is wrong, those who were known stay so. */
  async reload(): Promise<void> {
    try {
      await this.#read(true)
    } catch (error) {
      if (!(error instanceof UsersError || error instanceof SystemFailure)) throw error
      this.#log.warning('listener {listener}: {path}: {why}; the users known until now stay', {
        listener: this.#listener,
        path: this.#path,
        why: error.message,
      })
    }
  }

  /** @returns the name, or '' for a login that is none, which is counted and logged; never the password. */
  login(name: string, password: string, client: string): string {
    const user = userOf(this.#table, name, password)
    if (user === '') this.refused(client, `a login as ${JSON.stringify(name)} that is none`)
    return user
  }

  /** Nobody has logged in from there. */
  refused(client: string, why: string): void {
    this.failed++
    if (!this.#complaints.may()) return
    const { listener, unsaid } = { listener: this.#listener, unsaid: this.#complaints.unsaid() }
    const more = unsaid === 0 ? '' : ` (and ${unsaid} more since the last one)`
    this.#log.warning('listener {listener}: {client} is refused: {why}{more}', { listener, client, why, more })
  }

  async #read(speaks: boolean): Promise<void> {
    const { files } = this.#runtime
    this.#table = parseUsers(await files.read(this.#path))
    const mode = (await files.status(this.#path))?.mode ?? 0
    if (!speaks || (mode & OTHERS_READ) === 0) return
    this.#log.warning('listener {listener}: {path} can be read by everybody on this machine; chmod o-r it', {
      listener: this.#listener,
      path: this.#path,
    })
  }
}
