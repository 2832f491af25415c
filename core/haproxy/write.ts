/** The header of the PROXY protocol, to be sent in front of everything else on a connection. */

import { addressOf, formatAddress, parseAddress } from '../bytes/address.ts'
import type { ByteWriter } from '../bytes/writer.ts'
import type { Endpoint } from '../runtime.ts'

/** `source` is the client, `destination` where it connected to. What is not IP, or not of one family, is said to be unknown. */
export function writeProxyHeader(out: ByteWriter, version: 1 | 2, source: Endpoint, destination: Endpoint): void {
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
  uint16(out, 2 * size + 4)
  out.put(from.bytes)
  out.put(to.bytes)
  uint16(out, source.port)
  uint16(out, destination.port)
}

function uint16(out: ByteWriter, value: number): void {
  out.byte(value >>> 8)
  out.byte(value & 0xff)
}
