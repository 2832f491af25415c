/** What core/runtime.ts means in practice: each adapter passes this inside its own runtime, the memory machine its part. */
import type { Runtime } from '../../core/runtime.ts'
import { children } from './children.ts'
import { datagrams } from './datagrams.ts'
import { host } from './host.ts'
import { listeners } from './listeners.ts'
import { networks } from './networks.ts'
import { checkSkips, type Skips } from './pairs.ts'
import { relays } from './relays.ts'
import { streams } from './sockets.ts'
import { secureStreams } from './tls.ts'

export type { Skips } from './pairs.ts'

export function contract(runtime: Runtime, skips: Skips = {}): void {
  streams(runtime, skips)
  if (runtime.engine === 'epoll') relays(runtime, skips)
  listeners(runtime, skips)
  datagrams(runtime, skips)
  children(runtime, skips)
  secureStreams(runtime, skips)
  host(runtime, skips)
  networks(runtime, skips)
  checkSkips(skips)
}
