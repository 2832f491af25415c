/** Sentences below the tables: ours beside each peer, and what should keep a number from being quoted. */
import type { Program } from './program.ts'
import { type Measure, type Result, titleOf } from './results.ts'
import { workloadOf } from './workloads.ts'

/** What a machine at rest has going on is below this. */
const DISTURBING_CORES = 0.15
/** A proxy that used less of its cores was not what limited the throughput. */
const BUSY = 0.9

/** Ours beside each peer: a ratio below 1 is in our favour. */
export function ratios(results: readonly Result[]): string[] {
  return results.filter(({ ours }) => ours).flatMap((our) => {
    const { name, bytes, unit } = workloadOf(our.workload)
    if (name === 'idle') return line('memory of an idle connection', 'bytes_per_idle_connection', our, results)
    const cpu = bytes
      ? line('CPU per GB', 'cpu_milliseconds_per_gigabyte', our, results)
      : line(`CPU per ${unit}`, 'cpu_microseconds_each', our, results)
    return name === 'steady' ? [...cpu, ...line('p99 at the same rate', 'p99_milliseconds', our, results)] : cpu
  })
}

function line(what: string, measure: Measure, our: Result, results: readonly Result[]): string[] {
  const mine = our.measures[measure]?.median
  if (mine === undefined) return []
  const peers = results.filter(({ ours, workload, workers }) =>
    !ours && workload === our.workload && workers === our.workers
  )
  const parts = peers.flatMap((peer) => {
    const theirs = peer.measures[measure]?.median
    // In another mode only where it has not been measured in this one.
    const elsewhere = peer.mode !== our.mode &&
      peers.some((one) => one.program === peer.program && one.mode === our.mode)
    if (theirs === undefined || elsewhere) return []
    return [
      `${(mine / theirs).toFixed(2)} of ${titleOf({ ...peer, workers: 1 })}'s${
        peer.mode === our.mode ? '' : ` (${peer.mode})`
      }`,
    ]
  })
  return parts.length === 0 ? [] : [`${our.workload}, ${what}, ${titleOf(our)}, ${our.mode}: ${parts.join(', ')}`]
}

/** What several workers carry of what one does, and at what price. */
export function scaling(results: readonly Result[]): string[] {
  return results.filter(({ workload }) => workload === 'workers').flatMap((several) => {
    const one = results.find(({ workload, program, mode, engine, workers }) =>
      workload === 'get' && workers === 1 && program === several.program && mode === several.mode &&
      engine === several.engine
    )
    const ratio = (measure: Measure) =>
      (several.measures[measure]?.median ?? NaN) / (one?.measures[measure]?.median ?? NaN)
    const [requests, cpu] = [ratio('each_per_second'), ratio('cpu_microseconds_each')]
    if (Number.isNaN(requests) || Number.isNaN(cpu)) return []
    return [
      `workers: ${titleOf(several)}, ${several.mode}: ${requests.toFixed(2)} times the requests of one worker, ` +
      `${cpu.toFixed(2)} times its CPU per request`,
    ]
  })
}

/** Where the proxy was not what limited the throughput: its CPU is right, its throughput says how fast the load was. */
export function limits(results: readonly Result[]): string[] {
  const bored = new Map<string, string[]>()
  for (const result of results) {
    const { core_share } = result.measures
    if (core_share === undefined || workloadOf(result.workload).leisurely) continue
    if (core_share.median >= BUSY * result.workers) continue
    const words = `${titleOf(result)} ${result.mode} ${core_share.median.toFixed(2)}`
    bored.set(result.workload, [...bored.get(result.workload) ?? [], words])
  }
  if (bored.size === 0) return []
  const parts = [...bored].map(([workload, words]) => `${workload}: ${words.join(', ')}`)
  return [
    `The load or the origin was the limit, not the proxy, where it used less than ${BUSY} of its cores: there, only CPU ` +
    `is the proxy's own. ${parts.join('; ')}`,
  ]
}

/** Who takes no part, and why. */
export function absences(programs: readonly Pick<Program, 'name' | 'unfit'>[], results: readonly Result[]): string[] {
  return programs.flatMap(({ name, unfit }) =>
    Object.entries(unfit).flatMap(([workload, why]) => {
      const others = results.some((result) => result.workload === workload)
      const measured = results.some((result) => result.program === name)
      return others && measured ? [`${workload} is not measured of ${name}: ${why}`] : []
    })
  )
}

/** A sentence when other programs took so much of the machine that the numbers should not be quoted; else none. */
export function disturbance(results: readonly Result[]): string[] {
  const most = Math.max(0, ...results.map((result) => result.measures.others_cores?.most ?? 0))
  if (most < DISTURBING_CORES) return []
  return [`Disturbed: other programs took up to ${most.toFixed(2)} cores meanwhile. Do not quote these numbers.`]
}
