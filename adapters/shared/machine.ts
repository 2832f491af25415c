/** What is the same on Node, Deno and Bun, by the modules of Node that all three have. */
import process from 'node:process'
import type { Runtime } from '../../core/runtime.ts'
import { clock } from './clock.ts'
import { datagram } from './datagram.ts'
import { files } from './files.ts'
import { addresses, exit, host, memory, random, signal } from './host.ts'

type Own = 'name' | 'version' | 'arguments' | 'output' | 'errors' | 'listen' | 'connect' | 'spawn'

export const machine: Omit<Runtime, Own> = {
  clock,
  files,
  environment: process.env,
  datagram,
  random,
  signal,
  addresses,
  memory,
  pid: process.pid,
  host,
  exit,
}
