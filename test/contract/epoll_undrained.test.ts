/** Deno may take away the means to run promises within a turn, and Node never gave them. */
import { describe, it } from 'vitest'
import { epoll, libc } from './epoll.ts'
import { relays } from './relays.ts'
import { streams } from './sockets.ts'

describe.skipIf(libc === null)('the epoll engine, where no promise runs before the end of a turn', async () => {
  if (libc === null) return it('is not checked: this runtime has no FFI', () => {})
  const runtime = await epoll(libc, { drain: null })
  streams(runtime, {})
  relays(runtime, {})
})
