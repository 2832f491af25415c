/** ExaProxy on Deno 2. */
import process from 'node:process'
import type { Runtime } from '../../core/runtime.ts'
import { clock } from '../shared/clock.ts'
import { datagram } from '../shared/datagram.ts'
import { files } from '../shared/files.ts'
import { addresses, exit, host, memory, random, signal } from '../shared/host.ts'
import { spawn } from './child.ts'
import { connect } from './connect.ts'
import { listen } from './listener.ts'
import { errors, output } from './standard.ts'

export const runtime: Runtime = {
  name: 'deno',
  version: Deno.version.deno,
  clock,
  files,
  arguments: Deno.args,
  environment: process.env,
  output,
  errors,
  listen,
  connect,
  datagram,
  spawn,
  random,
  signal,
  addresses,
  memory,
  pid: process.pid,
  host,
  exit,
}
