/** What no runtime's own sockets can do, and what can. */
import { type ConnectOptions, type Endpoint, type ListenOptions, SystemFailure } from '../../core/runtime.ts'

const needsEpoll = (option: string): SystemFailure =>
  new SystemFailure('unsupported', `${option} needs service.engine = "epoll"`)

/** @throws SystemFailure unsupported */
export function checkListen({ transparent = false }: ListenOptions): void {
  if (transparent) throw needsEpoll('transparent')
}

/** @throws SystemFailure unsupported */
export function checkConnect(to: Endpoint, options: ConnectOptions): void {
  if (to.family === 'unix') return
  if (options.transparent) throw needsEpoll('transparent')
  if (options.mark) throw needsEpoll('mark')
  if (options.tos) throw needsEpoll('tos')
  if (options.userTimeout) throw needsEpoll('userTimeout')
}
