/** Endpoints from what the machines say. Their text of an address comes from inet_ntop: RFC 5952 but for mapped IPv4. */
import type { NetConnectOpts } from 'node:net'
import type { ConnectOptions, Endpoint } from '../../core/runtime.ts'

const MAPPED = '::ffff:'

/** The canonical text of an address the kernel wrote: IPv4-mapped IPv6 unmapped, a zone kept. */
export function canonical(address: string): string {
  return address.startsWith(MAPPED) && address.includes('.') ? address.slice(MAPPED.length) : address
}

export function ipEndpoint(address: string, port: number): Endpoint {
  const text = canonical(address)
  return { family: text.includes(':') ? 6 : 4, address: text, port }
}

export const unixEndpoint = (path: string): Endpoint => ({ family: 'unix', address: path, port: 0 })

/** Where a socket was, when it is asked too late: the machine forgets it with the descriptor. */
export function nowhere(family: Endpoint['family']): Endpoint {
  return { family, address: family === 6 ? '::' : family === 4 ? '0.0.0.0' : '', port: 0 }
}

/** What node:net is told to connect `to`. */
export function netOptions(to: Endpoint, { from, keepAlive = 0 }: ConnectOptions): NetConnectOpts {
  if (to.family === 'unix') return { path: to.address, allowHalfOpen: true }
  const probes = keepAlive > 0 ? { keepAlive: true, keepAliveInitialDelay: keepAlive } : null
  const here = { noDelay: true, autoSelectFamily: false, allowHalfOpen: true, ...probes }
  const where = { host: to.address, port: to.port, ...here }
  if (from === undefined) return where
  return { ...where, localAddress: from.address, ...(from.port === 0 ? null : { localPort: from.port }) }
}
