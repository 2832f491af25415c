/** Endpoints as the kernel has them: sockaddr_in, sockaddr_in6 and sockaddr_un. */
import { addressOf, formatAddress, parseAddress } from '../../core/bytes/address.ts'
import { type Endpoint, SystemFailure } from '../../core/runtime.ts'
import { interfaces } from '../shared/host.ts'
import { AF_INET, AF_INET6, AF_UNIX } from './libc.ts'
import { room } from './memory.ts'

/** sizeof(struct sockaddr_un), the largest of the three. */
const SIZE = 110
/** What a path may be long, its closing zero not counted. */
const PATH_SIZE = 107

const FAMILIES = { 4: AF_INET, 6: AF_INET6, unix: AF_UNIX } as const

export const familyOf = (endpoint: Endpoint): number => FAMILIES[endpoint.family]

/** An address on its way into or out of a call: `bytes`, of which `size` count. One is enough: calls do not overlap. */
class SocketAddress {
  readonly bytes = room(SIZE)
  /** The `socklen_t` that calls read and write. */
  readonly length = room(4)
  private readonly view = new DataView(this.bytes.buffer)
  private readonly size = new Int32Array(this.length.buffer)

  /** Gives how many bytes of {@link bytes} count. @throws SystemFailure for what is no address. */
  write(endpoint: Endpoint): number {
    const { bytes, view } = this
    bytes.fill(0)
    view.setUint16(0, familyOf(endpoint), true)
    if (endpoint.family === 'unix') {
      const path = new TextEncoder().encode(endpoint.address)
      if (path.length > PATH_SIZE) throw new SystemFailure('other', `a path of more than ${PATH_SIZE} bytes`)
      bytes.set(path, 2)
      return 2 + path.length + 1
    }
    view.setUint16(2, endpoint.port, false)
    const address = parseAddress(endpoint.address)
    if (address === null || address.family !== endpoint.family) {
      throw new SystemFailure('other', `${endpoint.address} is no IPv${endpoint.family} address`)
    }
    if (address.family === 4) {
      bytes.set(address.bytes, 4)
      return 16
    }
    bytes.set(address.bytes, 8)
    view.setUint32(24, zoneNumber(address.zone), true)
    return 28
  }

  /** To be called before a call that writes an address. */
  expect(): void {
    this.size[0] = SIZE
  }

  read(): Endpoint {
    const { bytes, view } = this
    const family = view.getUint16(0, true)
    if (family === AF_INET) {
      const address = `${bytes[4]}.${bytes[5]}.${bytes[6]}.${bytes[7]}`
      return { family: 4, address, port: view.getUint16(2, false) }
    }
    if (family === AF_INET6) {
      const address = addressOf(bytes.slice(8, 24), zoneName(view.getUint32(24, true)))
      return { family: address.family, address: formatAddress(address), port: view.getUint16(2, false) }
    }
    const end = bytes.indexOf(0, 2)
    const path = this.size[0]! > 2 ? new TextDecoder().decode(bytes.subarray(2, end === -1 ? SIZE : end)) : ''
    return { family: 'unix', address: path, port: 0 }
  }
}

export const socketAddress = new SocketAddress()

/** An interface by its name or its number; 0: none. */
function zoneNumber(zone: string): number {
  if (zone === '') return 0
  if (/^\d+$/.test(zone)) return Number(zone)
  for (const known of interfaces()[zone] ?? []) {
    if (known.family === 'IPv6' && known.scopeid) return known.scopeid
  }
  throw new SystemFailure('not-available', `there is no interface ${zone}`)
}

function zoneName(number: number): string {
  if (number === 0) return ''
  for (const [name, addresses] of Object.entries(interfaces())) {
    if (addresses?.some((known) => known.family === 'IPv6' && known.scopeid === number)) return name
  }
  return String(number)
}
