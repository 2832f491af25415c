/** Connections made by Bun.connect. */
import { type Connecting, type ConnectOptions, type Endpoint, type Socket, SystemFailure } from '../../core/runtime.ts'
import { unixEndpoint } from '../shared/endpoint.ts'
import { systemFailure } from '../shared/failure.ts'
import { BunSocket, type Handle, handlers } from './socket.ts'

export function connect(to: Endpoint, options: ConnectOptions = {}): Connecting {
  const unix = to.family === 'unix'
  let cancelled = false
  let giveUp: (failure: SystemFailure) => void
  let made: Socket | null = null
  const socket = new Promise<Socket>((resolve, reject) => {
    giveUp = reject
    const { from } = options
    const open = (handle: Handle) => {
      if (cancelled) return handle.terminate()
      resolve(made = new BunSocket(handle, to, unix ? unixEndpoint('') : null))
    }
    const failed = (error: Error) => reject(systemFailure(error))
    const with_ = { socket: { ...handlers, open }, allowHalfOpen: true }
    const where = { hostname: to.address, port: to.port }
    const local = from === undefined ? {} : { localAddress: from.address, localPort: from.port }
    try {
      const connecting = unix
        ? Bun.connect<BunSocket>({ ...with_, unix: to.address })
        : Bun.connect<BunSocket>({ ...with_, ...where, ...local })
      connecting.catch(failed)
    } catch (error) {
      failed(error as Error)
    }
  })
  return {
    socket,
    cancel() {
      cancelled = true
      giveUp(new SystemFailure('cancelled', ''))
      made?.close()
    },
  }
}
