/** ExaProxy on Node 20 and later. */
import process from 'node:process'
import type { Runtime } from '../../core/runtime.ts'
import { spawn } from '../shared/child.ts'
import { errors, output } from '../shared/files.ts'
import { machine } from '../shared/machine.ts'
import { connect } from './connect.ts'
import { listen } from './listener.ts'

export const runtime: Runtime = {
  ...machine,
  name: 'node',
  version: process.versions.node,
  arguments: process.argv.slice(2),
  output,
  errors,
  listen,
  connect,
  spawn,
}
