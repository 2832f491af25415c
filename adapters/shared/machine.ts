/** What is the same on Node, Deno and Bun, by the modules of Node that all three have. */
import process from 'node:process'
import type { Runtime } from '../../core/runtime.ts'
import { clock, stay } from './clock.ts'
import { datagram } from './datagram.ts'
import { files } from './files.ts'
import { addresses, cores, descriptors, exit, host, memory, random, signal } from './host.ts'
import { tls } from './tls.ts'

type Own = 'name' | 'version' | 'engines' | 'arguments' | 'output' | 'errors' | 'listen' | 'connect' | Processes
type Processes = 'spawn' | 'worker' | 'sharesPorts'

export const machine: Omit<Runtime, Own> = {
  engine: 'portable',
  clock,
  files,
  environment: process.env,
  datagram,
  random,
  signal,
  stay,
  tls,
  addresses,
  memory,
  cores,
  descriptors,
  pid: process.pid,
  host,
  exit,
}
