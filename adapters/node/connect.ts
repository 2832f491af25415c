/** Connections made by node:net. */
import { type Connecting, type ConnectOptions, type Endpoint, type Socket, SystemFailure } from '../../core/runtime.ts'
import { netOptions, unixEndpoint } from '../shared/endpoint.ts'
import { connectFailure } from '../shared/failure.ts'
import { checkConnect } from '../shared/portable.ts'
import { Outgoing } from './outgoing.ts'
import { NodeSocket } from './socket.ts'

export function connect(to: Endpoint, options: ConnectOptions = {}): Connecting {
  const where = netOptions(to, options)
  let made: Socket | null = null
  let cancel: (() => void) | null = null
  const socket = new Promise<Socket>((resolve, reject) => {
    checkConnect(to, options)
    const connecting = new Outgoing(where)
    const failed = (error: Error) => reject(connectFailure(error, options.from))
    // Paused before it connects, or Node reads ahead of the first pull.
    connecting.pause().on('error', failed).connect(where).on('connect', () => {
      connecting.off('error', failed)
      cancel = null
      resolve(made = new NodeSocket(connecting, to, to.family === 'unix' ? unixEndpoint('') : null))
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
