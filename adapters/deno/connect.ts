/** Connections made by Deno.connect. */
import { type Connecting, type ConnectOptions, type Endpoint, type Socket, SystemFailure } from '../../core/runtime.ts'
import { unixEndpoint } from '../shared/endpoint.ts'
import { connect as connectByNode } from '../node/connect.ts'
import { checkConnect } from '../shared/portable.ts'
import { denoFailure } from './failure.ts'
import { DenoSocket } from './socket.ts'

export function connect(to: Endpoint, options: ConnectOptions = {}): Connecting {
  if (options.from !== undefined || options.keepAlive) return connectFrom(to, options)
  const giveUp = new AbortController()
  let made: Socket | null = null
  const make = async (): Promise<Socket> => {
    checkConnect(to, options)
    try {
      if (to.family === 'unix') {
        const connection = await Deno.connect({ transport: 'unix', path: to.address })
        made = new DenoSocket(connection, to, unixEndpoint(''))
      } else {
        const where = { hostname: to.address, port: to.port, autoSelectFamily: false }
        const connection = await Deno.connect({ ...where, signal: giveUp.signal })
        connection.setNoDelay()
        made = new DenoSocket(connection, to, null)
      }
    } catch (error) {
      throw giveUp.signal.aborted ? new SystemFailure('cancelled', '') : denoFailure(error)
    }
    if (giveUp.signal.aborted) {
      made.close()
      throw new SystemFailure('cancelled', '')
    }
    return made
  }
  return {
    socket: make(),
    cancel() {
      giveUp.abort()
      made?.close()
    },
  }
}

/** Deno.connect cannot say where it comes from, nor when to probe; Deno's node:net can. */
function connectFrom(to: Endpoint, options: ConnectOptions): Connecting {
  const connecting = connectByNode(to, options)
  const socket = connecting.socket.catch((error) => {
    if (error.detail !== 'EINVAL') throw error
    // So it says that the address is not one of this machine, and that it knows no zones.
    throw to.address.includes('%')
      ? new SystemFailure('unsupported', 'from or keepAlive, to an address with a zone, needs service.engine = "epoll"')
      : new SystemFailure('not-available', 'EINVAL')
  })
  return { socket, cancel: connecting.cancel }
}
