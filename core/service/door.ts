/** Where one worker finds its supervisor: a unix socket that nobody else may reach, and that is gone once it has come in. */

import type { Listener, Runtime, Socket } from '../runtime.ts'

export class Door {
  /** The path to connect to. */
  readonly path: string
  readonly #runtime: Runtime
  readonly #folder: string
  readonly #listener: Listener

  private constructor(runtime: Runtime, folder: string, listener: Listener) {
    this.#runtime = runtime
    this.#folder = folder
    this.#listener = listener
    this.path = listener.at.address
  }

  /** Rejects with a SystemFailure: `denied`, `full`, ... */
  static async open(runtime: Runtime): Promise<Door> {
    const folder = await runtime.files.temporary()
    try {
      return new Door(runtime, folder, await runtime.listen({ family: 'unix', address: `${folder}/bus`, port: 0 }))
    } catch (error) {
      await runtime.files.remove(folder).catch(() => {})
      throw error
    }
  }

  /** Who came in; null when the door was closed first. */
  async welcome(): Promise<Socket | null> {
    const { value } = await this.#listener.next()
    return value ?? null
  }

  async close(): Promise<void> {
    this.#listener.close()
    const { files } = this.#runtime
    // A runtime may leave the socket, or take its time to remove it.
    await files.remove(this.path).catch(() => {})
    await files.remove(this.#folder).catch(() => {})
  }
}
