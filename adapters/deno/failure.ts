/** Deno's errors: those of the system carry an errno name, those of its own a class. */
import { SystemFailure } from '../../core/runtime.ts'
import { systemFailure } from '../shared/failure.ts'

const NAMES: Readonly<Record<string, string>> = {
  ConnectionRefused: 'ECONNREFUSED',
  ConnectionReset: 'ECONNRESET',
  ConnectionAborted: 'ECONNABORTED',
  BrokenPipe: 'EPIPE',
  NotConnected: 'ENOTCONN',
  TimedOut: 'ETIMEDOUT',
  HostUnreachable: 'EHOSTUNREACH',
  NetworkUnreachable: 'ENETUNREACH',
  AddrInUse: 'EADDRINUSE',
  AddrNotAvailable: 'EADDRNOTAVAIL',
  PermissionDenied: 'EACCES',
  NotFound: 'ENOENT',
}

export function denoFailure(error: unknown): SystemFailure {
  const { code, name } = error as { code?: unknown; name?: string }
  if (typeof code === 'string' || name === undefined || !(name in NAMES)) return systemFailure(error)
  return systemFailure({ code: NAMES[name] })
}
