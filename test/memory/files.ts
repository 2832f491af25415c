/** Files in memory, which fail as told. */
import {
  type Appender,
  type Files,
  type FileStatus,
  SystemFailure,
  type SystemFailureCode,
} from '../../core/runtime.ts'
import type { MemoryClock } from './clock.ts'

interface File {
  bytes: Uint8Array
  modified: number
}

const missing = (path: string): SystemFailure => new SystemFailure('missing', path)

export class MemoryFiles implements Files {
  /** What the next calls that touch a path fail with. */
  readonly failures = new Map<string, SystemFailureCode>()
  /** Those made to be temporary and not removed, for tests that nothing is left behind. */
  readonly folders = new Set<string>()
  private made = 0
  private readonly all = new Map<string, File>()
  private readonly clock: MemoryClock

  constructor(clock: MemoryClock) {
    this.clock = clock
  }

  /** For tests: a file that is there, as text. */
  put(path: string, text: string): void {
    this.all.set(path, { bytes: new TextEncoder().encode(text), modified: this.clock.date() })
  }

  text(path: string): string {
    return new TextDecoder().decode(this.all.get(path)?.bytes)
  }

  /** What logrotate does. Those who append go on with the old file. */
  move(from: string, to: string): void {
    const file = this.all.get(from)
    if (file === undefined) throw missing(from)
    this.all.delete(from)
    this.all.set(to, file)
  }

  async read(path: string): Promise<Uint8Array> {
    await this.touch(path)
    const file = this.all.get(path)
    if (file === undefined) throw missing(path)
    return file.bytes.slice()
  }

  /** In pieces of 7 bytes, so that nobody counts on larger ones; each is spoilt when the next is asked for. */
  async *pieces(path: string): AsyncGenerator<Uint8Array, void> {
    const bytes = await this.read(path)
    for (let at = 0; at < bytes.length; at += 7) {
      await this.touch(path)
      const piece = bytes.slice(at, at + 7)
      yield piece
      piece.fill(0)
    }
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    await this.touch(path)
    this.all.set(path, { bytes: bytes.slice(), modified: this.clock.date() })
  }

  async append(path: string): Promise<Appender> {
    await this.touch(path)
    let file = this.all.get(path)
    if (file === undefined) this.all.set(path, file = { bytes: new Uint8Array(0), modified: this.clock.date() })
    return new MemoryAppender(file, () => this.touch(path))
  }

  async list(path: string): Promise<string[]> {
    await this.touch(path)
    const names = new Set<string>()
    for (const each of this.all.keys()) {
      if (each.startsWith(`${path}/`)) names.add(each.slice(path.length + 1).split('/')[0])
    }
    if (names.size === 0) throw missing(path)
    return [...names].sort()
  }

  async status(path: string): Promise<FileStatus | null> {
    await this.touch(path)
    const file = this.all.get(path)
    if (file !== undefined) return { size: file.bytes.length, modified: file.modified, folder: false, socket: false }
    const folder = [...this.all.keys()].some((each) => each.startsWith(`${path}/`))
    return folder || this.folders.has(path)
      ? { size: 0, modified: this.clock.date(), folder: true, socket: false }
      : null
  }

  async remove(path: string): Promise<void> {
    await this.touch(path)
    if (!this.all.delete(path) && !this.folders.delete(path)) throw missing(path)
  }

  temporary(): Promise<string> {
    const path = `/tmp/exaproxy-${++this.made}`
    this.folders.add(path)
    return Promise.resolve(path)
  }

  private touch(path: string): Promise<void> {
    const code = this.failures.get(path)
    return code === undefined ? Promise.resolve() : Promise.reject(new SystemFailure(code, path))
  }
}

/** Also standard output: `text` is what was written. */
export class MemoryAppender implements Appender {
  private readonly file: File
  private readonly touch: () => Promise<void>
  private shut = false

  constructor(file: File = { bytes: new Uint8Array(0), modified: 0 }, touch = () => Promise.resolve()) {
    this.file = file
    this.touch = touch
  }

  get text(): string {
    return new TextDecoder().decode(this.file.bytes)
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.shut) throw new SystemFailure('closed', '')
    await this.touch()
    const { file } = this
    const longer = new Uint8Array(file.bytes.length + bytes.length)
    longer.set(file.bytes)
    longer.set(bytes, file.bytes.length)
    file.bytes = longer
  }

  close(): Promise<void> {
    this.shut = true
    return Promise.resolve()
  }
}
