/** ExaProxy on Bun. */
import process from 'node:process'
import type { Runtime } from '../../core/runtime.ts'
import { spawn } from '../shared/child.ts'
import { errors, output } from '../shared/files.ts'
import { machine } from '../shared/machine.ts'
import { workers } from '../shared/worker.ts'
import { connect } from './connect.ts'
import { inherited, listen } from './listener.ts'

const own = process.argv.slice(2)

export const runtime: Runtime = {
  ...machine,
  name: 'bun',
  engines: { epoll: async () => (await import('../linux/libc_bun.ts')).engine(runtime) },
  version: Bun.version,
  arguments: own,
  output,
  errors,
  listen,
  inherited,
  connect,
  spawn,
  ...workers(own, spawn),
}
