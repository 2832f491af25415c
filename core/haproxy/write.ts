/** The header of the PROXY protocol, to be sent in front of everything else on a connection. */

import { addressOf, formatAddress, parseAddress } from '../bytes/address.ts'
import { toBytes } from '../bytes/ascii.ts'
import type { ByteWriter } from '../bytes/writer.ts'
import { PROXY_AUTHORITY_SIZE } from '../limits.ts'
import type { Endpoint } from '../runtime.ts'
import { TLV } from './header.ts'

/** What version 2 says beside the addresses; what is empty is not said. */
export interface ProxyTold {
  /** The host name the client asked for (SNI). */
  readonly authority: string
  /** What names the connection in logs, latin1. */
  readonly uniqueId: string
}

/** `source` is the client, `destination` where it connected to. What is not IP, or not of one family, is said to be unknown. */
export function writeProxyHeader(
  out: ByteWriter,
  version: 1 | 2,
  source: Endpoint,
  destination: Endpoint,
  { authority, uniqueId }: ProxyTold = NOTHING,
): void {
  const from = source.family === 'unix' ? null : parseAddress(source.address)
  const to = destination.family === 'unix' ? null : parseAddress(destination.address)
  const known = from !== null && to !== null && from.family === to.family
  if (version === 1) {
    if (!known) {
      out.text('PROXY UNKNOWN\r\n')
      return
    }
    const [a, b] = [from, to].map((address) => formatAddress(address.zone === '' ? address : addressOf(address.bytes)))
    out.text(`PROXY TCP${from.family} ${a} ${b} ${source.port} ${destination.port}\r\n`)
    return
  }
  out.text('\r\n\r\n\0\r\nQUIT\n')
  if (!known) {
    // LOCAL: the addresses of the socket count.
    out.byte(0x20)
    out.byte(0)
    uint16(out, 0)
    return
  }
  const size = from.bytes.length
  out.byte(0x21)
  out.byte(size === 4 ? 0x11 : 0x21)
  const given = encoder.encode(authority)
  const name = given.length > PROXY_AUTHORITY_SIZE ? NO_BYTES : given
  uint16(out, 2 * size + 4 + tlvSize(name.length) + tlvSize(uniqueId.length))
  out.put(from.bytes)
  out.put(to.bytes)
  uint16(out, source.port)
  uint16(out, destination.port)
  if (name.length > 0) tlv(out, TLV.authority, name)
  if (uniqueId !== '') tlv(out, TLV.uniqueId, toBytes(uniqueId))
}

const NOTHING: ProxyTold = { authority: '', uniqueId: '' }
const NO_BYTES: Uint8Array = new Uint8Array(0)
const encoder = new TextEncoder()

const tlvSize = (size: number): number => size === 0 ? 0 : 3 + size

function tlv(out: ByteWriter, type: number, value: Uint8Array): void {
  out.byte(type)
  uint16(out, value.length)
  out.put(value)
}

function uint16(out: ByteWriter, value: number): void {
  out.byte(value >>> 8)
  out.byte(value & 0xff)
}
