/** Ports of loopback: one that is free, and one that answers. */
import { connect, createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import type { Started } from './machine.ts'

const START_MILLISECONDS = 20_000
const RETRY_MILLISECONDS = 20

/** A port nobody listens on; another program may take it before we do, which shows as a failure to start. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = address !== null && typeof address === 'object' ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

/** Waits until a program just started takes connections; rejects, with what it said, when it ends or never does. */
export async function untilListening(program: Started, port: number): Promise<void> {
  const deadline = performance.now() + START_MILLISECONDS
  while (!await accepts(port)) {
    if (!program.running()) throw new Error(`it ended (${await program.ended}): ${program.said().trim().slice(-500)}`)
    if (performance.now() > deadline) {
      throw new Error(`it does not listen on ${port}: ${program.said().trim().slice(-500)}`)
    }
    await wait(RETRY_MILLISECONDS)
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
