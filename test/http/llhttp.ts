/** llhttp, the parser of Node, as undici ships it (WebAssembly), driven so that it tells what {@link run} tells. */

import { createRequire } from 'node:module'
import { latin1 } from '../../core/bytes/ascii.ts'

export interface TheirMessage {
  start: string
  fields: string[]
  body: string
  trailers: string[] | null
}

export interface TheirResult {
  messages: TheirMessage[]
  /** `HPE_...`, or `waiting`. */
  end: string
  detail: string
}

interface Exports {
  memory: { buffer: ArrayBuffer }
  _initialize(): void
  malloc(size: number): number
  free(pointer: number): void
  llhttp_alloc(type: number): number
  llhttp_free(parser: number): void
  llhttp_execute(parser: number, data: number, size: number): number
  llhttp_finish(parser: number): number
  llhttp_resume_after_upgrade(parser: number): void
  llhttp_get_method(parser: number): number
  llhttp_method_name(method: number): number
  llhttp_get_status_code(parser: number): number
  llhttp_get_http_major(parser: number): number
  llhttp_get_http_minor(parser: number): number
  llhttp_get_error_pos(parser: number): number
  llhttp_get_error_reason(parser: number): number
  llhttp_errno_name(error: number): number
}

interface WebAssemblyApi {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object, imports: object) => { exports: Exports }
}

const REQUEST = 1
const RESPONSE = 2
const PAUSED_UPGRADE = 22

const load = createRequire(import.meta.url)
const { Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly

let messages: TheirMessage[] = []
let url = ''
let reason = ''
let names: string[] = []
let values: string[] = []
/** Whether the last span was of a name: spans of one may come in pieces. */
let inName = false

const text = (at: number, size: number): string => latin1(new Uint8Array(llhttp.memory.buffer, at, size))
const words = (at: number): string => {
  if (at === 0) return ''
  const bytes = new Uint8Array(llhttp.memory.buffer, at)
  return latin1(bytes.subarray(0, bytes.indexOf(0)))
}
/** llhttp leaves white space at the end of values; whoever uses it takes it off. */
const trimmed = (value: string): string => value.replace(/[ \t]+$/, '')
const takeFields = (): string[] => {
  const fields = names.map((name, i) => `${name}: ${trimmed(values[i] ?? '')}`)
  names = []
  values = []
  inName = false
  return fields
}

const instance = new Instance(new Module(load('undici/lib/llhttp/llhttp-wasm.js') as Uint8Array), {
  env: {
    wasm_on_message_begin: () => {
      url = reason = ''
      takeFields()
      return 0
    },
    wasm_on_url: (_parser: number, at: number, size: number) => {
      url += text(at, size)
      return 0
    },
    wasm_on_status: (_parser: number, at: number, size: number) => {
      reason += text(at, size)
      return 0
    },
    wasm_on_header_field: (_parser: number, at: number, size: number) => {
      if (!inName) {
        names.push('')
        values.push('')
      }
      inName = true
      names[names.length - 1] += text(at, size)
      return 0
    },
    wasm_on_header_value: (_parser: number, at: number, size: number) => {
      inName = false
      values[values.length - 1] += text(at, size)
      return 0
    },
    wasm_on_headers_complete: (parser: number) => {
      const minor = llhttp.llhttp_get_http_minor(parser)
      const status = llhttp.llhttp_get_status_code(parser)
      const method = status === 0 ? words(llhttp.llhttp_method_name(llhttp.llhttp_get_method(parser))) : ''
      const start = status === 0 ? `${method} ${url} ${minor}` : `${minor} ${status} ${reason}`
      messages.push({ start, fields: takeFields(), body: '', trailers: null })
      return 0
    },
    wasm_on_body: (_parser: number, at: number, size: number) => {
      messages[messages.length - 1].body += text(at, size)
      return 0
    },
    wasm_on_message_complete: () => {
      messages[messages.length - 1].trailers = takeFields()
      return 0
    },
  },
})
const llhttp = instance.exports
llhttp._initialize()

/** Parse `bytes` as one stream that ends after them. After an upgrade it goes on as if there had been none. */
export function runTheirs(kind: 'request' | 'response', bytes: Uint8Array): TheirResult {
  messages = []
  const parser = llhttp.llhttp_alloc(kind === 'request' ? REQUEST : RESPONSE)
  const data = llhttp.malloc(Math.max(1, bytes.length))
  try {
    new Uint8Array(llhttp.memory.buffer).set(bytes, data)
    let error = 0
    let upgraded = false
    for (let from = data; from < data + bytes.length;) {
      error = llhttp.llhttp_execute(parser, from, data + bytes.length - from)
      upgraded = error === PAUSED_UPGRADE
      if (!upgraded) break
      from = llhttp.llhttp_get_error_pos(parser)
      llhttp.llhttp_resume_after_upgrade(parser)
      error = 0
    }
    // After an upgrade an end is no end of a message, which llhttp takes amiss.
    if (error === 0 && !upgraded) error = llhttp.llhttp_finish(parser)
    if (error === 0 || error === PAUSED_UPGRADE) return { messages, end: 'waiting', detail: '' }
    return {
      messages,
      end: words(llhttp.llhttp_errno_name(error)),
      detail: words(llhttp.llhttp_get_error_reason(parser)),
    }
  } finally {
    llhttp.free(data)
    llhttp.llhttp_free(parser)
  }
}
