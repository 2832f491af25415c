/** Places to listen at, as text. */

import { parseEndpoint } from '../bytes/address.ts'

const ANY_ADDRESS = ['0.0.0.0', '::']

/** Whether two places cannot both be listened at. Port 0 is another port each time. */
export function clash(a: string, b: string): boolean {
  const one = parseEndpoint(a)
  const two = parseEndpoint(b)
  if (one === null || two === null || one.family !== two.family) return false
  if (one.family === 'unix') return one.address === two.address
  if (one.port === 0 || one.port !== two.port) return false
  return one.address === two.address || ANY_ADDRESS.includes(one.address) || ANY_ADDRESS.includes(two.address)
}

/** `address` in canonical form. */
export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1'
}
