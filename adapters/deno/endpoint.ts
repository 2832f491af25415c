/** Endpoints from Deno's addresses. */
import type { Endpoint } from '../../core/runtime.ts'
import { ipEndpoint, unixEndpoint } from '../shared/endpoint.ts'

export function endpointOf(address: Deno.Addr): Endpoint | null {
  if (address.transport === 'unix') return unixEndpoint(address.path ?? '')
  return address.transport === 'tcp' ? ipEndpoint(address.hostname, address.port) : null
}
