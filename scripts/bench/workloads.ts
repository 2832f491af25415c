/** The workloads: what each asks for, what is counted, and who can take part. */
import type { Mode, Program } from './program.ts'

export type WorkloadName =
  | 'get'
  | 'steady'
  | 'churn'
  | 'pipelined'
  | 'post'
  | 'medium'
  | 'bulk'
  | 'tunnel'
  | 'passthrough'
  | 'tls'
  | 'connects'
  | 'messages'
  | 'idle'
  | 'beside'
  | 'workers'

export interface Workload {
  readonly name: WorkloadName
  /** For the heading of its table. */
  readonly title: string
  /** What one of the things is that are counted. */
  readonly unit: 'request' | 'tunnel' | 'message'
  /** CPU is told per gigabyte, not per unit. */
  readonly bytes: boolean
  /** In a run of everything it is measured in every mode and on every runtime; the others in one and on one. */
  readonly everywhere: boolean
  /** It goes through tunnels, which a program has in one mode or not at all. */
  readonly tunnels: boolean
  /** The load leaves the proxy room: it is not meant to be busy. */
  readonly leisurely: boolean
}

const usual = { unit: 'request', bytes: false, everywhere: false, tunnels: false, leisurely: false } as const

export const WORKLOADS: readonly Workload[] = [
  { ...usual, name: 'get', title: 'GET of 1 KB over kept connections, 64 clients', everywhere: true },
  { ...usual, name: 'steady', title: 'GET of 1 KB at the same rate for all, 64 clients', leisurely: true },
  { ...usual, name: 'churn', title: 'GET of 1 KB, each on a new connection, 64 clients' },
  { ...usual, name: 'pipelined', title: 'GET of 1 KB, 16 asked at a time, 64 clients' },
  { ...usual, name: 'post', title: 'POST of 1 KB, answered by 1 KB, 64 clients' },
  { ...usual, name: 'medium', title: 'GET of 64 KB, 64 clients', bytes: true },
  { ...usual, name: 'bulk', title: 'GET of 10 MB, 8 clients', bytes: true },
  { ...usual, name: 'tunnel', title: '10 MB after 10 MB through CONNECT, 8 tunnels', bytes: true, tunnels: true },
  { ...usual, name: 'passthrough', title: '10 MB after 10 MB of any TCP, 8 connections', bytes: true, tunnels: true },
  {
    ...usual,
    name: 'tls',
    title: '10 MB after 10 MB of TLS, led by its name, 8 connections',
    bytes: true,
    tunnels: true,
  },
  { ...usual, name: 'connects', title: 'CONNECT, one GET of 1 KB, close, 64 clients', unit: 'tunnel', tunnels: true },
  { ...usual, name: 'messages', title: '64 bytes there and back after Upgrade, 64 clients', unit: 'message' },
  { ...usual, name: 'idle', title: 'connections that lie idle', leisurely: true },
  { ...usual, name: 'beside', title: 'GET of 1 KB, 64 clients, beside the idle connections' },
  { ...usual, name: 'workers', title: 'GET of 1 KB over kept connections, 64 clients, several workers' },
]

export function workloadOf(name: WorkloadName): Workload {
  const found = WORKLOADS.find((workload) => workload.name === name)
  if (found === undefined) throw new Error(`${name} is no workload`)
  return found
}

/** The modes in which a program can take part, the usual one first; none where it cannot. */
export function modesOf(workload: Workload, program: Program): readonly Mode[] {
  const { claims, modes, tunnels, upgrades, unfit } = program
  if (unfit[workload.name] !== undefined) return []
  switch (workload.name) {
    case 'tunnel':
      return tunnels === null ? [] : [tunnels]
    case 'passthrough':
      return program.passes ? ['tcp'] : []
    case 'tls':
      return program.passes ? ['tls'] : []
    case 'connects':
      return tunnels === 'forward' ? [tunnels] : []
    case 'messages':
      return modes.filter((mode) => upgrades.includes(mode))
    case 'idle':
    case 'beside':
    case 'steady':
    case 'pipelined':
      // What keeps no connection has none that idles, and cannot be asked twice on one.
      return claims.keepsAlive ? modes : []
    case 'workers':
      return program.severalWorkers ? modes : []
    default:
      return modes
  }
}
