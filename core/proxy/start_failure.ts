/** What keeps the service from starting: one line that says what to do, and an exit code. */

import { formatEndpoint } from '../bytes/address.ts'
import { EXIT } from '../exit_codes.ts'
import type { Endpoint } from '../runtime.ts'
import { SystemFailure } from '../runtime.ts'

export class StartFailure extends Error {
  readonly exit: number

  constructor(exit: number, message: string) {
    super(message)
    this.exit = exit
  }
}

/** Why `who` (`listener http`) cannot listen there. What is no SystemFailure is given back as it is. */
export function cannotListen(who: string, at: Endpoint, error: unknown): Error {
  if (!(error instanceof SystemFailure)) return error as Error
  const where = `${who} cannot listen on ${formatEndpoint(at)}`
  if (at.family === 'unix') return cannotMake(where, error)
  switch (error.code) {
    case 'in-use':
      return new StartFailure(
        EXIT.unavailable,
        `${where}: the address is in use; stop what uses it, or choose another port`,
      )
    case 'denied':
      return new StartFailure(
        EXIT.no_permission,
        `${where}: permission denied; choose a port from 1024 up, or grant CAP_NET_BIND_SERVICE`,
      )
    case 'not-available':
      return new StartFailure(EXIT.unavailable, `${where}: this machine has no such address; choose one of its own`)
    default:
      return new StartFailure(EXIT.unavailable, `${where}: ${error.message}`)
  }
}

/** The same of a listener that takes connections to any address (TPROXY). */
export function cannotCapture(who: string, at: Endpoint, error: unknown): Error {
  if (!(error instanceof SystemFailure)) return error as Error
  const where = `${who} cannot take what TPROXY brings to ${formatEndpoint(at)}`
  switch (error.code) {
    case 'unsupported':
      return new StartFailure(
        EXIT.unavailable,
        `${where}: that needs the epoll engine (Deno, Bun or the executable, on Linux); or set capture = "inherited" and ` +
          `start it by a socket unit of systemd with Transparent=yes; or capture = "redirect"`,
      )
    case 'denied':
      return new StartFailure(EXIT.no_permission, `${where}: permission denied; grant CAP_NET_ADMIN`)
    default:
      return cannotListen(who, at, error)
  }
}

/** The same for the path of a unix socket. */
function cannotMake(where: string, error: SystemFailure): StartFailure {
  switch (error.code) {
    case 'in-use':
      return new StartFailure(
        EXIT.unavailable,
        `${where}: the path is in use; stop what uses it, or remove it`,
      )
    case 'missing':
    case 'denied': // Node says this of a folder that is missing, too.
      return new StartFailure(EXIT.no_permission, `${where}: check that its folder exists, and grant access to it`)
    default:
      return new StartFailure(EXIT.unavailable, `${where}: ${error.message}`)
  }
}

/** Why a file (`what`) that an option names cannot be read. What is no SystemFailure is given back as it is. */
export function cannotRead(option: string, path: string, error: unknown, what: 'file' | 'folder' = 'file'): Error {
  if (!(error instanceof SystemFailure)) return error as Error
  const words = `${option}: ${path} cannot be read (${error.message}); give a ${what} this user may read`
  return new StartFailure(error.code === 'denied' ? EXIT.no_permission : EXIT.no_input, words)
}

/** Open what an option names. @throws StartFailure that names the option and the path. */
export async function opened<T>(path: string, option: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open()
  } catch (error) {
    if (!(error instanceof SystemFailure)) throw error
    if (error.code === 'denied') {
      throw new StartFailure(
        EXIT.no_permission,
        `${option}: ${path} may not be opened; grant access to it or choose another`,
      )
    }
    throw new StartFailure(
      EXIT.no_input,
      `${option}: ${path} cannot be opened (${error.message}); check that its folder exists`,
    )
  }
}
