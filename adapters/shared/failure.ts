/** What each machine calls its errors, in the words of the contract. */
import { type Endpoint, SystemFailure, type SystemFailureCode } from '../../core/runtime.ts'

const CODES: Readonly<Record<string, SystemFailureCode>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  ECONNABORTED: 'reset',
  EPIPE: 'reset',
  ENOTCONN: 'reset',
  ETIMEDOUT: 'timed-out',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ENETDOWN: 'unreachable',
  EADDRINUSE: 'in-use',
  EADDRNOTAVAIL: 'not-available',
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'denied',
  ENOENT: 'missing',
  ENOTDIR: 'missing',
  EMFILE: 'exhausted',
  ENFILE: 'exhausted',
  ENOBUFS: 'exhausted',
  ENOMEM: 'exhausted',
  // A unix socket whose queue of connections is full, and a kernel without a free port.
  EAGAIN: 'exhausted',
  ENOSPC: 'full',
  EDQUOT: 'full',
  EAFNOSUPPORT: 'unsupported',
  EPROTONOSUPPORT: 'unsupported',
  EOPNOTSUPP: 'unsupported',
  ENOSYS: 'unsupported',
}

/** Any thrown thing as a SystemFailure: by its errno name, else `other` with what it says. */
export function systemFailure(error: unknown): SystemFailure {
  if (error instanceof SystemFailure) return error
  const { code, message } = error as { code?: unknown; message?: unknown }
  if (typeof code === 'string') {
    return code in CODES ? new SystemFailure(CODES[code], code) : new SystemFailure('other', code)
  }
  return new SystemFailure('other', typeof message === 'string' ? message : String(error))
}

/** The same of a connection that was to come from `from`: what cannot go there from it is called EINVAL by the kernel. */
export function connectFailure(error: unknown, from: Endpoint | undefined): SystemFailure {
  const failure = systemFailure(error)
  return from !== undefined && failure.detail === 'EINVAL' ? new SystemFailure('not-available', 'EINVAL') : failure
}

export const closed = (): SystemFailure => new SystemFailure('closed', '')
