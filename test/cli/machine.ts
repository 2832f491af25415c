/** As much of a machine as the command line needs: arguments, environment, a few files, and what was printed. */

import { type Appender, type Files, type Runtime, SystemFailure } from '../../core/runtime.ts'

export interface MachineOptions {
  readonly files?: Readonly<Record<string, string | Uint8Array | SystemFailure>>
  readonly environment?: Readonly<Record<string, string>>
  /** What every write to standard output fails with. */
  readonly output?: SystemFailure
}

export interface Machine {
  readonly runtime: Runtime
  readonly printed: () => string
  readonly complained: () => string
}

class Printed implements Appender {
  text = ''
  readonly #failure: SystemFailure | undefined

  constructor(failure?: SystemFailure) {
    this.#failure = failure
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    this.text += new TextDecoder().decode(bytes)
    return Promise.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

export function machine(
  args: readonly string[],
  { files = {}, environment = {}, output }: MachineOptions = {},
): Machine {
  const printed = new Printed(output)
  const complained = new Printed()
  const has: Pick<Files, 'read' | 'status'> = {
    read(path) {
      const file = files[path] ?? new SystemFailure('missing', 'ENOENT')
      if (file instanceof SystemFailure) return Promise.reject(file)
      return Promise.resolve(typeof file === 'string' ? new TextEncoder().encode(file) : file)
    },
    status(path) {
      const file = files[path]
      if (file instanceof SystemFailure && file.code === 'denied') return Promise.reject(file)
      return Promise.resolve(file === undefined ? null : { size: 1, modified: 0, folder: false, socket: false })
    },
  }
  const runtime = {
    name: 'memory',
    engine: 'portable',
    engines: {},
    version: '1.2.3',
    arguments: args,
    environment,
    files: has,
    output: printed,
    errors: complained,
  } as unknown as Runtime
  return { runtime, printed: () => printed.text, complained: () => complained.text }
}
