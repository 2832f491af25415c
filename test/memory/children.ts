/** Child processes in memory: programs are functions. */
import { type Child, type SignalName, SystemFailure } from '../../core/runtime.ts'
import { Pipe } from './pipe.ts'

/** The child's side of its pipes. What it gives is its exit code. */
export interface Io {
  readonly arguments: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** Calls `heard` at a signal, which then does not end it; SIGKILL always does. */
  signal(name: SignalName, heard: () => void): void
  readonly input: AsyncIterable<Uint8Array>
  write(text: string): Promise<void>
  complain(text: string): Promise<void>
}

export type Program = (io: Io) => Promise<number>

const NUMBERS: Readonly<Record<SignalName, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGTERM: 15,
}

const CAPACITY = 65_536

export class Children {
  /** By the first word of the command. */
  readonly programs = new Map<string, Program>()
  private pid = 1000

  spawn(command: readonly string[], environment: Readonly<Record<string, string>> = {}): Child {
    const [input, output, errors] = [pipe(), pipe(), pipe()]
    const program = this.programs.get(command[0])
    let kill: (code: number) => void
    const killed = new Promise<number>((resolve) => kill = resolve)
    const hearing = new Map<SignalName, () => void>()
    const io: Io = {
      ...side(command, input, output, errors),
      environment,
      signal: (name, heard) => void hearing.set(name, heard),
    }
    const ran = program === undefined ? Promise.resolve(127) : program(io)
    const exited = Promise.race([killed, ran.catch(() => 1)]).then((code) => {
      input.fail('reset')
      output.drop()
      errors.drop()
      return code
    })
    let ended = false
    return {
      pid: this.pid++,
      input: {
        write: (bytes, size = bytes.length) => {
          if (ended) throw new SystemFailure('closed', '')
          return input.write(bytes.subarray(0, size))
        },
        end: () => {
          ended = true
          input.end()
        },
        close: () => {
          ended = true
          input.drop()
        },
      },
      output: { next: () => output.next(), close: () => (output.fail('reset'), output.forget()) },
      errors: { next: () => errors.next(), close: () => (errors.fail('reset'), errors.forget()) },
      exited,
      kill: (signal) => {
        const heard = signal === 'SIGKILL' ? undefined : hearing.get(signal)
        if (heard === undefined) kill(128 + NUMBERS[signal])
        else heard()
      },
    }
  }
}

const pipe = (): Pipe => new Pipe(CAPACITY, () => CAPACITY)

function side(
  command: readonly string[],
  input: Pipe,
  output: Pipe,
  errors: Pipe,
): Omit<Io, 'environment' | 'signal'> {
  const bytes = (text: string) => new TextEncoder().encode(text)
  return {
    arguments: command.slice(1),
    input: { [Symbol.asyncIterator]: () => ({ next: () => input.next() }) },
    write: async (text) => await output.write(bytes(text)),
    complain: async (text) => await errors.write(bytes(text)),
  }
}
