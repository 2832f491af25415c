/** ExaProxy on Node 20 and later. */
import process from 'node:process'
import type { Runtime } from '../../core/runtime.ts'
import { spawn } from '../shared/child.ts'
import { errors, output } from '../shared/files.ts'
import { machine } from '../shared/machine.ts'
import { connect } from './connect.ts'
import { inherited, listen } from './listener.ts'
import { own, sharesPorts, worker } from './worker.ts'

export const runtime: Runtime = {
  ...machine,
  name: 'node',
  engines: { epoll: async () => (await import('../linux/libc_node.ts')).engine(runtime) },
  version: process.versions.node,
  arguments: own,
  output,
  errors,
  listen,
  inherited,
  connect,
  spawn,
  worker,
  sharesPorts,
}
