/** Puts a workload's load on a proxy, and takes its CPU time meanwhile. */
import type { Running } from './check.ts'
import { beside, measureIdle } from './idle.ts'
import type { Percentiles } from './latencies.ts'
import { cpuTime, othersTime } from './machine.ts'
import type { Origin } from './origin.ts'
import type { Measures } from './results.ts'
import { steady } from './steady.ts'
import { messages, tunnelBulk, tunnelChurn } from './tunnels.ts'
import { type Shape, wrk } from './wrk.ts'
import type { Workload, WorkloadName } from './workloads.ts'

/** What a load has had answered. */
export interface Tally {
  /** Requests, tunnels or messages, as the workload counts. */
  readonly units: number
  /** Of bodies, and with wrk of heads. */
  readonly bytes: number
  /** Microseconds. */
  readonly duration: number
  /** Lines that must be in the access log. */
  readonly logged: number
  readonly latency?: Percentiles
}

export interface Outcome {
  readonly measures: Measures
  /** Lines that must be in the access log, warming up included. */
  readonly logged: number
}

export interface Effort {
  readonly seconds: number
  readonly warmup: number
  /** Idle connections. */
  readonly idle: number
  /** Requests a second, of the load at the same rate for all. */
  readonly rate: number
}

export type Load = (seconds: number) => Promise<Tally>

const SHAPES: Readonly<Partial<Record<WorkloadName, Shape>>> = {
  get: { path: '/small', kind: 'get', connections: 64 },
  churn: { path: '/small', kind: 'close', connections: 64 },
  pipelined: { path: '/small', kind: 'pipelined', connections: 64 },
  post: { path: '/small', kind: 'post', connections: 64 },
  medium: { path: '/medium', kind: 'get', connections: 64 },
  bulk: { path: '/large', kind: 'get', connections: 8 },
}

/** A compiler that works by counting calls is warm after so many, however slow the machine is today; 1: after its time. */
const WARM_UNITS: Readonly<Partial<Record<WorkloadName, number>>> = {
  bulk: 1,
  tunnel: 40,
  passthrough: 40,
  tls: 40,
  medium: 10_000,
  connects: 5000,
}
const WARM_USUALLY = 50_000
const WARM_TURNS = 10

/** `compiles`: it must be warm before it is measured; else one second is enough. */
export async function measure(
  workload: Workload,
  proxy: Running,
  origin: Origin,
  effort: Effort,
  compiles: boolean,
  cores: string,
): Promise<Outcome> {
  if (workload.name === 'idle') return measureIdle(proxy, origin, effort.idle)
  const load = loadOf(workload.name, proxy, origin, effort.rate, cores)
  const warming = workload.name === 'steady' ? loadOf('get', proxy, origin, effort.rate, cores) : load
  const warm = compiles ? await warmUp(workload.name, warming, effort.warmup) : await warming(1)
  const work = () => measureLoad(workload, proxy, load, warm.logged, effort.seconds)
  if (workload.name !== 'beside') return work()
  const { result, logged } = await beside(effort.idle, proxy, origin, work)
  return { ...result, logged: result.logged + logged }
}

/** The load of a workload; that of one with idle connections is what is asked beside them. */
export function loadOf(name: WorkloadName, proxy: Running, origin: Origin, rate: number, cores: string): Load {
  switch (name) {
    case 'steady':
      return (seconds) => steady(proxy, origin, seconds, rate)
    case 'tunnel':
    case 'passthrough':
    case 'tls':
      return (seconds) => tunnelBulk(proxy, origin, seconds)
    case 'connects':
      return (seconds) => tunnelChurn(proxy, origin, seconds)
    case 'messages':
      return (seconds) => messages(proxy, origin, seconds)
    default: {
      const shape = SHAPES[name] ?? SHAPES.get
      if (shape === undefined) throw new Error(`${name} has no load`)
      return (seconds) => wrk(shape, proxy, origin, seconds, cores)
    }
  }
}

/** Loads the proxy for so many seconds, and longer until its compiler has had its time. */
export async function warmUp(name: WorkloadName, load: Load, seconds: number): Promise<{ logged: number }> {
  const enough = WARM_UNITS[name] ?? WARM_USUALLY
  let [units, logged] = [0, 0]
  for (let turn = 0; units < enough && turn < WARM_TURNS; turn++) {
    const tally = await load(seconds)
    units += tally.units
    logged += tally.logged
  }
  return { logged }
}

async function measureLoad(
  workload: Workload,
  proxy: Running,
  load: Load,
  logged: number,
  seconds: number,
): Promise<Outcome> {
  const [before, others, began] = [cpuTime(proxy.pid), othersTime(), performance.now()]
  const tally = await load(seconds)
  const cpu = cpuTime(proxy.pid) - before // ns
  const others_cores = Math.max(0, (othersTime() - others) / ((performance.now() - began) * 1e6))
  return { measures: { ...measuresOf(workload, tally, cpu), others_cores }, logged: logged + tally.logged }
}

/** `cpu` in nanoseconds. */
export function measuresOf(workload: Workload, tally: Tally, cpu: number): Measures {
  const { units, bytes, duration, latency } = tally
  const measures: Measures = workload.bytes
    ? { cpu_milliseconds_per_gigabyte: cpu / 1e6 / (bytes / 1e9), megabytes_per_second: bytes / duration }
    : { cpu_microseconds_each: cpu / 1000 / units, each_per_second: units / (duration / 1e6) }
  measures.core_share = cpu / (duration * 1000)
  if (latency !== undefined) {
    measures.p50_milliseconds = latency.p50 / 1000
    measures.p99_milliseconds = latency.p99 / 1000
    measures.p999_milliseconds = latency.p999 / 1000
  }
  return measures
}
