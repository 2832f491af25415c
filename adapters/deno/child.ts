/** Child processes by Deno.Command: Deno's node:child_process tells of no exit while anyone holds the child's pipes. */
import type { Child, SignalName } from '../../core/runtime.ts'
import { closed, systemFailure } from '../shared/failure.ts'
import { NOT_FOUND, NOT_RUNNABLE } from '../shared/child.ts'
import { DONE } from '../shared/pushed.ts'
import { denoFailure } from './failure.ts'

// Of its own, for its type: that of Deno and that of lib.dom differ.
const defaultReader = (stream: ReadableStream<Uint8Array>) => stream.getReader()

/** What the child writes. */
class ChildOutput {
  private readonly reader: ReturnType<typeof defaultReader>
  private shut = false

  constructor(stream: ReadableStream<Uint8Array>) {
    this.reader = defaultReader(stream)
  }

  async next(): Promise<IteratorResult<Uint8Array, void>> {
    try {
      const { done, value } = await this.reader.read()
      return done || this.shut ? DONE : { done, value }
    } catch (error) {
      if (this.shut) return DONE
      throw denoFailure(error)
    }
  }

  close(): void {
    if (this.shut) return
    this.shut = true
    this.reader.cancel().catch(() => {})
  }
}

/** What the child reads. */
class ChildInput {
  private readonly writer: WritableStreamDefaultWriter<Uint8Array>
  private ended = false
  private shut = false

  constructor(stream: WritableStream<Uint8Array>) {
    this.writer = stream.getWriter()
    // A pipe that broke is told at the next write.
    this.writer.closed.catch(() => {})
  }

  async write(bytes: Uint8Array, size: number = bytes.length): Promise<void> {
    if (this.ended) throw closed()
    try {
      await this.writer.write(size === bytes.length ? bytes : bytes.subarray(0, size))
    } catch (error) {
      throw this.shut ? closed() : denoFailure(error)
    }
  }

  /** What is being written goes first. */
  end(): void {
    if (this.ended) return
    this.ended = true
    this.writer.close().catch(() => {})
  }

  close(): void {
    this.ended = true
    if (this.shut) return
    this.shut = true
    this.writer.abort().catch(() => {})
  }
}

export function spawn(command: readonly string[], environment: Readonly<Record<string, string>> = {}): Child {
  const [program, ...args] = command
  let child: Deno.ChildProcess
  try {
    child = new Deno.Command(program, { args, env: environment, stdin: 'piped', stdout: 'piped', stderr: 'piped' })
      .spawn()
  } catch (error) {
    return stillborn(denoFailure(error).code === 'denied' ? NOT_RUNNABLE : NOT_FOUND)
  }
  return {
    pid: child.pid,
    input: new ChildInput(child.stdin),
    output: new ChildOutput(child.stdout),
    errors: new ChildOutput(child.stderr),
    // The code is 128 + the signal's number already.
    exited: child.status.then(({ code }) => code),
    kill(signal: SignalName) {
      try {
        child.kill(signal)
      } catch {
        // It has exited.
      }
    },
  }
}

/** A program that could not be started. */
function stillborn(code: number): Child {
  const empty = { next: () => Promise.resolve(DONE), close: () => {} }
  const write = () => Promise.reject(systemFailure({ code: 'EPIPE' }))
  return {
    pid: 0,
    input: { write, end: () => {}, close: () => {} },
    output: empty,
    errors: empty,
    exited: Promise.resolve(code),
    kill: () => {},
  }
}
