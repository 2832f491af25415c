/** Accepted connections that wait to be pulled: a few at most, those past that are closed. */
import type { Socket } from '../../core/runtime.ts'
import { DONE } from './pushed.ts'

/** Node's own figure, which Linux (somaxconn 4096) does not cut. */
export const BACKLOG = 511

export class Waiting {
  private readonly sockets: Socket[] = []
  private readonly limit: number
  private pulled: ((result: IteratorResult<Socket, void>) => void) | null = null
  private closed = false

  constructor(limit: number) {
    this.limit = limit
  }

  next(): Promise<IteratorResult<Socket, void>> {
    if (this.pulled !== null) throw new Error('a pull is under way on this listener')
    const socket = this.sockets.shift()
    if (socket !== undefined) return Promise.resolve({ done: false, value: socket })
    if (this.closed) return Promise.resolve(DONE)
    return new Promise((resolve) => {
      this.pulled = resolve
    })
  }

  /** False when there is no room: close what would have been the socket. */
  get room(): boolean {
    return !this.closed && (this.pulled !== null || this.sockets.length < this.limit)
  }

  put(socket: Socket): void {
    const pulled = this.pulled
    if (pulled === null) {
      this.sockets.push(socket)
      return
    }
    this.pulled = null
    pulled({ done: false, value: socket })
  }

  /** Those that wait are closed: nobody will pull them. */
  close(): void {
    this.closed = true
    for (const socket of this.sockets.splice(0)) socket.close()
    this.pulled?.(DONE)
    this.pulled = null
  }
}
