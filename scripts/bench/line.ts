/** A client's connection that knows what must come: any other byte is a failure. */
import { Buffer } from 'node:buffer'
import { connect, type Socket } from 'node:net'
import { connect as connectSecurely } from 'node:tls'

const HEAD_END = '\r\n\r\n'
const HEAD_SIZE = 16_384
/** What is read goes into one place for all: it is looked at, and forgotten. */
const place = Buffer.alloc(256 * 1024)
const nothing: Uint8Array = new Uint8Array(0)

export class Line {
  readonly #socket: Socket
  /** The status of the head that must come next, or that bytes without a head must. */
  #status: number | null = null
  #head = ''
  #body: Uint8Array = nothing
  #got = 0
  #settle: ((wrong: string | null) => void) | null = null
  #wrong: string | null = null
  #ended = false
  /** Bytes of bodies that came. */
  received = 0

  private constructor(socket: Socket) {
    this.#socket = socket
  }

  static open(port: number): Promise<Line> {
    return new Promise((resolve, reject) => {
      const socket = connect({
        port,
        host: '127.0.0.1',
        noDelay: true,
        onread: {
          buffer: place,
          callback: (size) => {
            line.#take(place.subarray(0, size))
            return true
          },
        },
      })
      const line = new Line(socket)
      line.#attend('connect', resolve, reject)
    })
  }

  /** The same over TLS, to who has this name; anybody's certificate will do. */
  static openSecure(port: number, servername: string): Promise<Line> {
    return new Promise((resolve, reject) => {
      const socket = connectSecurely({ port, host: '127.0.0.1', servername, rejectUnauthorized: false })
      const line = new Line(socket)
      socket.on('data', (bytes: Buffer) => line.#take(bytes))
      line.#attend('secureConnect', resolve, reject)
    })
  }

  #attend(ready: string, resolve: (line: Line) => void, reject: (error: Error) => void): void {
    this.#socket.once(ready, () => resolve(this))
    this.#socket.on('end', () => this.#end())
    this.#socket.on('error', (error) => {
      this.#fail(error.message)
      reject(error)
    })
  }

  send(bytes: string | Uint8Array): void {
    if (typeof bytes === 'string') this.#socket.write(bytes, 'latin1')
    else this.#socket.write(bytes)
  }

  /** Waits for an answer with this status and just this body (null: none, and no word of its length). */
  answer(status: number, body: Uint8Array | null): Promise<void> {
    this.#head = ''
    return this.#expect(status, body)
  }

  /** Waits for just these bytes. */
  echo(bytes: Uint8Array): Promise<void> {
    return this.#expect(null, bytes)
  }

  /** Waits until the other side has closed. */
  ended(): Promise<void> {
    if (this.#ended) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#settle = (wrong) => wrong === null ? resolve() : reject(new Error(wrong))
    })
  }

  get open(): boolean {
    return this.#wrong === null && !this.#ended && this.#socket.readyState === 'open'
  }

  close(): void {
    this.#settle = null
    this.#socket.destroy()
  }

  /** Leaves no port in TIME_WAIT: thousands would be missing in the next round. */
  reset(): void {
    this.#settle = null
    this.#socket.resetAndDestroy()
  }

  #expect(status: number | null, body: Uint8Array | null): Promise<void> {
    if (this.#wrong !== null) return Promise.reject(new Error(this.#wrong))
    if (this.#ended) return Promise.reject(new Error('closed before its answer'))
    this.#status = status
    this.#body = body ?? nothing
    this.#got = 0
    return new Promise((resolve, reject) => {
      this.#settle = (wrong) => {
        this.#settle = null
        if (wrong === null) resolve()
        else reject(new Error(wrong))
      }
    })
  }

  #take(bytes: Buffer): void {
    if (this.#settle === null) return this.#fail(`${bytes.length} bytes came that were not asked for`)
    const part = this.#status === null ? bytes : this.#takeHead(bytes)
    if (part === null) return
    const end = this.#got + part.length
    if (Buffer.compare(part, this.#body.subarray(this.#got, end)) !== 0) {
      return this.#fail(`byte ${this.#got} to ${end} of an answer of ${this.#body.length} are not the origin's`)
    }
    this.#got = end
    this.received += part.length
    if (end === this.#body.length) this.#settle?.(null)
  }

  /** What follows the head; null while it is not whole, or after a failure. */
  #takeHead(bytes: Buffer): Buffer | null {
    this.#head += bytes.toString('latin1', 0, HEAD_SIZE)
    const end = this.#head.indexOf(HEAD_END)
    if (end < 0) {
      if (this.#head.length >= HEAD_SIZE) this.#fail('a head without an end')
      return null
    }
    const head = this.#head.slice(0, end)
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
    const wanted = this.#body.length
    if (!head.startsWith(`HTTP/1.1 ${this.#status} `) && !head.startsWith(`HTTP/1.0 ${this.#status} `)) {
      this.#fail(`a bad answer: ${head.slice(0, 200)}`)
      return null
    }
    if (wanted > 0 && Number(length) !== wanted) {
      this.#fail(`an answer of ${length} bytes, not of ${wanted}`)
      return null
    }
    this.#status = null
    const before = this.#head.length - Math.min(bytes.length, HEAD_SIZE)
    return bytes.subarray(end + HEAD_END.length - before)
  }

  #fail(wrong: string): void {
    this.#wrong ??= wrong
    this.#settle?.(this.#wrong)
  }

  #end(): void {
    this.#ended = true
    const waitsForIt = this.#got === this.#body.length && this.#status === null
    this.#settle?.(waitsForIt ? null : 'closed before its answer')
  }
}
