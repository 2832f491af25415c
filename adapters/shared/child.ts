/** Child processes, by node:child_process. */
import { type ChildProcess, spawn as start } from 'node:child_process'
import { constants } from 'node:os'
import process from 'node:process'
import type { Readable, Writable } from 'node:stream'
import type { Child, SignalName } from '../../core/runtime.ts'
import { closed, systemFailure } from './failure.ts'
import { plain, Pushed } from './pushed.ts'

/** What a shell answers when there is no such program, and when it may not be run. */
export const NOT_FOUND = 127
export const NOT_RUNNABLE = 126

/** What the child writes. */
class ChildOutput extends Pushed {
  private readonly pipe: Readable

  constructor(pipe: Readable) {
    super(true)
    this.pipe = pipe
    pipe.pause()
    pipe.on('data', (chunk: Uint8Array) => this.deliver(plain(chunk)))
    pipe.on('end', () => this.finish())
    pipe.on('error', (error) => this.fail(systemFailure(error)))
    pipe.on('close', () => this.finish())
  }

  protected pause(): void {
    this.pipe.pause()
  }

  protected resume(): void {
    this.pipe.resume()
  }

  close(): void {
    this.drop()
    this.pipe.destroy()
  }
}

/** What the child reads. */
class ChildInput {
  private readonly pipe: Writable
  private ended = false
  private broken: Error | null = null

  constructor(pipe: Writable) {
    this.pipe = pipe
    pipe.on('error', (error) => this.broken = error)
  }

  write(bytes: Uint8Array, size: number = bytes.length): Promise<void> | void {
    if (this.ended) throw closed()
    if (this.broken !== null) throw systemFailure(this.broken)
    return new Promise((resolve, reject) => {
      this.pipe.write(size === bytes.length ? bytes : bytes.subarray(0, size), (error) => {
        if (!error) resolve()
        else reject(this.ended ? closed() : systemFailure(error))
      })
    })
  }

  end(): void {
    if (this.ended) return
    this.ended = true
    this.pipe.end()
  }

  close(): void {
    this.ended = true
    this.pipe.destroy()
  }
}

/** A program that cannot be started is a child without output that exits with the shell's code for it. */
function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.on('exit', (code, signal) => resolve(signal === null ? code ?? 1 : 128 + constants.signals[signal]))
    child.on('error', (error) => resolve(systemFailure(error).code === 'denied' ? NOT_RUNNABLE : NOT_FOUND))
  })
}

type Environment = Readonly<Record<string, string>>

/** `others`: descriptors of this process that the child gets beside its pipes, from 3 on. */
export function spawn(
  command: readonly string[],
  environment: Environment = {},
  others: readonly number[] = [],
): Child {
  const [program, ...rest] = command
  const env = { ...process.env, ...environment }
  return childOf(start(program, rest, { env, stdio: ['pipe', 'pipe', 'pipe', ...others] }))
}

/** A child whose input and output are somebody else's to carry. */
export type Started = Omit<Child, 'input' | 'output'>

/** The same with descriptors of this process for its input and output. They stay the caller's to close. */
export function startWith(
  command: readonly string[],
  environment: Environment,
  input: number,
  output: number,
): Started {
  const [program, ...rest] = command
  return startedOf(start(program, rest, { env: { ...process.env, ...environment }, stdio: [input, output, 'pipe'] }))
}

/** A process of node:child_process with three pipes. */
export function childOf(child: ChildProcess): Child {
  return { ...startedOf(child), input: new ChildInput(child.stdin!), output: new ChildOutput(child.stdout!) }
}

function startedOf(child: ChildProcess): Started {
  return {
    pid: child.pid ?? 0,
    errors: new ChildOutput(child.stderr!),
    exited: exitOf(child),
    kill: (signal: SignalName) => void child.kill(signal),
  }
}
