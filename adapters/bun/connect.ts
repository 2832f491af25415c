/**
 * Connections made in Bun. Bun.connect cannot be given up: a connect that hangs would hold its descriptor for two minutes.
 * So its node:net makes the connection, then we take its handle (the very thing Bun.connect gives) and leave the rest.
 */
import { createConnection, type Socket as NetSocket } from 'node:net'
import { type Connecting, type ConnectOptions, type Endpoint, type Socket, SystemFailure } from '../../core/runtime.ts'
import { netOptions, unixEndpoint } from '../shared/endpoint.ts'
import { connectFailure } from '../shared/failure.ts'
import { checkConnect } from '../shared/portable.ts'
import { BunSocket, type Handle, handlers } from './socket.ts'

/** What reload() takes; the same for every connection. */
const ours = { socket: handlers }

export function connect(to: Endpoint, options: ConnectOptions = {}): Connecting {
  let made: Socket | null = null
  let cancel: (() => void) | null = null
  const socket = new Promise<Socket>((resolve, reject) => {
    checkConnect(to, options)
    const connecting = createConnection(netOptions(to, options))
    connecting.on('error', (error) => reject(connectFailure(error, options.from)))
    connecting.on('connect', () => {
      cancel = null
      resolve(made = new BunSocket(taken(connecting), to, to.family === 'unix' ? unixEndpoint('') : null))
    })
    cancel = () => {
      reject(new SystemFailure('cancelled', ''))
      connecting.destroy()
    }
  })
  return {
    socket,
    cancel() {
      if (made === null) cancel?.()
      else made.close()
    },
  }
}

/** Called as it connects: nothing was read yet, and from here on Bun calls our handlers instead of node:net's. */
function taken(socket: NetSocket): Handle {
  const { _handle: handle } = socket as unknown as { _handle: Handle }
  handle.reload(ours)
  return handle
}
