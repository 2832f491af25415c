/**
 * Child processes whose input and output are on epoll: for who asks a helper program about each request, a turn of the
 * runtime's own loop for each answer costs more than the answer.
 */
import type { Child } from '../../core/runtime.ts'
import type { Started } from '../shared/child.ts'
import { unixEndpoint } from '../shared/endpoint.ts'
import type { Engine } from './engine.ts'
import { AF_UNIX, F_SETFL, O_NONBLOCK, O_RDWR, SOCK_CLOEXEC, SOCK_STREAM } from './libc.ts'
import { room } from './memory.ts'
import { EpollSocket } from './socket.ts'

/** Start a program with descriptors of this process for its input and output. They stay the caller's to close. */
export type Start = (
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
  input: number,
  output: number,
) => Started

const unnamed = unixEndpoint('')
const pair = room(8)
const pairView = new Int32Array(pair.buffer)

/** Two ends of a pipe that is a socket, as the runtimes' own are: ours does not block, the child's does. */
function ends(engine: Engine): [ours: number, theirs: number] {
  const { libc } = engine.loop
  engine.check(libc.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
  const [ours, theirs] = pairView
  libc.fcntl(ours!, F_SETFL, O_RDWR | O_NONBLOCK)
  return [ours!, theirs!]
}

/** @throws SystemFailure exhausted */
export function spawn(
  engine: Engine,
  start: Start,
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
): Child {
  const { loop } = engine
  const [input, childInput] = ends(engine)
  const theirs = [childInput]
  const ours = [input]
  try {
    const [output, childOutput] = ends(engine)
    theirs.push(childOutput)
    ours.push(output)
    const started = start(command, environment, childInput, childOutput)
    ours.length = 0
    return { ...started, input: socketOf(engine, input), output: socketOf(engine, output) }
  } finally {
    for (const descriptor of [...theirs, ...ours]) loop.libc.close(descriptor)
  }
}

function socketOf(engine: Engine, descriptor: number): EpollSocket {
  const socket = new EpollSocket(engine, descriptor, unnamed, unnamed)
  engine.loop.add(descriptor, socket)
  return socket
}
