/** Files and standard output, by node:fs, which all three runtimes have. */
import { write as writeDescriptor } from 'node:fs'
import { chmod, type FileHandle, mkdtemp, open, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers'
import type { Appender, Files, FileStatus } from '../../core/runtime.ts'
import { closed, systemFailure } from './failure.ts'
import { plain } from './pushed.ts'

/** How long to wait before asking a full pipe again (standard output may be non-blocking: whoever started us decides). */
const PIPE_RETRY = 5

/** Of what is read in pieces: a good part of the time of a system call, and a millisecond of work for who takes it. */
const PIECE = 65_536

/** The permissions of a new file, before umask. */
const MODE = 0o666

async function attempt<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw systemFailure(error)
  }
}

/** What kind of thing a mode is of. */
const KIND = 0o170000
const FOLDER = 0o040000
const SOCKET = 0o140000

async function statusOf(path: string): Promise<FileStatus & { readonly mode: number } | null> {
  try {
    const { size, mtimeMs, mode } = await stat(path)
    return { size, modified: mtimeMs, folder: (mode & KIND) === FOLDER, socket: (mode & KIND) === SOCKET, mode }
  } catch (error) {
    const failure = systemFailure(error)
    if (failure.code === 'missing') return null
    throw failure
  }
}

class FileAppender implements Appender {
  private handle: FileHandle | null

  constructor(handle: FileHandle) {
    this.handle = handle
  }

  async write(bytes: Uint8Array): Promise<void> {
    const handle = this.handle
    if (handle === null) throw closed()
    await attempt(async () => {
      for (let at = 0; at < bytes.length;) at += (await handle.write(bytes, at, bytes.length - at)).bytesWritten
    })
  }

  async close(): Promise<void> {
    const handle = this.handle
    this.handle = null
    if (handle !== null) await attempt(() => handle.close())
  }
}

/** Standard output or error: never closed, and patient with a pipe that is full. */
class DescriptorAppender implements Appender {
  private readonly descriptor: number

  constructor(descriptor: number) {
    this.descriptor = descriptor
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      const from = (at: number) => {
        if (at >= bytes.length) return resolve()
        writeDescriptor(this.descriptor, bytes, at, bytes.length - at, (error, count) => {
          if (error === null) from(at + count)
          else if (error.code === 'EAGAIN') setTimeout(from, PIPE_RETRY, at)
          else reject(systemFailure(error))
        })
      }
      from(0)
    })
  }

  async close(): Promise<void> {}
}

export const output: Appender = new DescriptorAppender(1)
export const errors: Appender = new DescriptorAppender(2)

/** For temporary folders: a container of one program alone may have no /tmp, or none that it may write to. */
const PLACES: readonly string[] = [tmpdir(), '/run', '/dev/shm', '.']

let aside = 0

async function* pieces(path: string): AsyncGenerator<Uint8Array, void> {
  const handle = await attempt(() => open(path, 'r'))
  try {
    const buffer = new Uint8Array(PIECE)
    for (;;) {
      const { bytesRead } = await attempt(() => handle.read(buffer, 0, PIECE))
      if (bytesRead === 0) return
      yield bytesRead === PIECE ? buffer : buffer.subarray(0, bytesRead)
    }
  } finally {
    await handle.close()
  }
}

export const files: Files = {
  read: (path) => attempt(async () => plain(await readFile(path))),

  pieces,

  /** The new file keeps the permissions of the old one, and is on the disk before it takes its name. */
  write: (path, bytes) =>
    attempt(async () => {
      const old = await statusOf(path)
      const temporary = `${path}.${process.pid}-${aside++}.tmp`
      const handle = await open(temporary, 'wx', MODE)
      try {
        try {
          for (let at = 0; at < bytes.length;) at += (await handle.write(bytes, at, bytes.length - at)).bytesWritten
          await handle.datasync()
        } finally {
          await handle.close()
        }
        if (old !== null) await chmod(temporary, old.mode & 0o7777)
        await rename(temporary, path)
      } catch (error) {
        await rm(temporary, { force: true })
        throw error
      }
    }),

  append: async (path) => new FileAppender(await attempt(() => open(path, 'a', MODE))),

  list: (path) => attempt(async () => (await readdir(path)).sort()),

  async status(path) {
    const found = await statusOf(path)
    if (found === null) return null
    const { size, modified, folder, socket, mode } = found
    return { size, modified, folder, socket, mode: mode & 0o7777 }
  },

  remove: (path) => attempt(async () => (await statusOf(path))?.folder === true ? await rmdir(path) : await rm(path)),

  temporary: () =>
    attempt(async () => {
      for (const place of PLACES) {
        // Where there is none, or none that may be written to, there may be another.
        const path = await mkdtemp(join(place, 'exaproxy-')).catch(() => null)
        if (path !== null) return path
      }
      return await mkdtemp(join(tmpdir(), 'exaproxy-'))
    }),
}
