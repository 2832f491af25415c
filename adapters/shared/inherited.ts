/**
 * Listening sockets that whoever started the service left to it (sd_listen_fds(3)): LISTEN_FDS of them, from descriptor 3 on,
 * meant for the process that LISTEN_PID names. Workers get them from their supervisor, at the same places.
 */
import { readFileSync, readlinkSync } from 'node:fs'
import process from 'node:process'
import { SystemFailure } from '../../core/runtime.ts'

/** SD_LISTEN_FDS_START. */
const FIRST = 3

/** The supervisor's process and how many, for a worker: LISTEN_PID would have to name a process that is not yet. */
const VARIABLE = 'EXAPROXY_INHERITED'

const count = taken()

/** What children inherit is not theirs to take: the variables go. */
function taken(): number {
  const { env, pid, ppid } = process
  let text: string | undefined
  if (env.LISTEN_PID === String(pid)) {
    text = env.LISTEN_FDS
    for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete env[name]
  } else if (env[VARIABLE]?.startsWith(`${ppid}:`)) {
    text = env[VARIABLE].slice(`${ppid}:`.length)
    delete env[VARIABLE]
  }
  return text !== undefined && /^\d{1,4}$/.test(text) ? Number(text) : 0
}

/** The descriptor of the socket with this number, from 0. @throws SystemFailure missing */
export function inheritedDescriptor(index: number): number {
  if (index < count) return FIRST + index
  const there = count === 0 ? 'none was left to this process' : `there are ${count}`
  throw new SystemFailure('missing', `inherited socket ${index}: ${there} (LISTEN_FDS)`)
}

/** All of them, for a worker to be started with. */
export const inheritedDescriptors: readonly number[] = Array.from({ length: count }, (_, index) => FIRST + index)

/** What tells a worker of them. */
export const inheritance: Readonly<Record<string, string>> = count === 0
  ? {}
  : { [VARIABLE]: `${process.pid}:${count}` }

const gone = new Set<number>()

/** The same for who gives the descriptor away for good: it is closed with the listener. @throws SystemFailure missing, in-use */
export function takeInherited(index: number): number {
  const descriptor = inheritedDescriptor(index)
  if (gone.has(index)) throw new SystemFailure('in-use', `inherited socket ${index} has a listener, or had one`)
  gone.add(index)
  return descriptor
}

/** Where a unix socket listens, of which a runtime may know the descriptor only. '' where nothing says. */
export function pathOf(descriptor: number): string {
  try {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${descriptor}`))?.[1]
    const line = readFileSync('/proc/net/unix', 'utf8').split('\n').find((line) => line.split(/ +/)[6] === inode)
    return line?.split(/ +/).slice(7).join(' ') ?? ''
  } catch {
    // Not Linux.
    return ''
  }
}
