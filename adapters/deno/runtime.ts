/** ExaProxy on Deno 2. */
import type { Runtime } from '../../core/runtime.ts'
import { machine } from '../shared/machine.ts'
import { workers } from '../shared/worker.ts'
import { spawn } from './child.ts'
import { inherited } from '../node/listener.ts'
import { connect } from './connect.ts'
import { listen } from './listener.ts'
import { errors, output } from './standard.ts'

export const runtime: Runtime = {
  ...machine,
  name: 'deno',
  engines: { epoll: async () => (await import('../linux/libc_deno.ts')).engine(runtime) },
  version: Deno.version.deno,
  arguments: Deno.args,
  output,
  errors,
  listen,
  // Deno.listen takes no descriptor; Deno's node:net does.
  inherited,
  connect,
  spawn,
  ...workers(Deno.args, spawn),
}
