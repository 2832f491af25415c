/**
 * All that core/ may use of a runtime's globals beyond the language itself: what Node, Deno and Bun agree on to the letter.
 * It is written out here because the runtimes' own type packages bring everything else along.
 */

declare class TextEncoder {
  encode(text?: string): Uint8Array<ArrayBuffer>
  encodeInto(text: string, into: Uint8Array): { read: number; written: number }
}

declare class TextDecoder {
  constructor(label?: 'utf-8', options?: { fatal?: boolean; ignoreBOM?: boolean })
  decode(bytes?: Uint8Array, options?: { stream?: boolean }): string
}

/** For core/control alone, whose hono speaks in these: no more of them than is used there. */
interface Headers {
  get(name: string): string | null
  forEach(each: (value: string, name: string) => void): void
}

declare class Request {
  constructor(url: string, about?: { method?: string; headers?: [string, string][]; body?: Uint8Array<ArrayBuffer> })
  readonly method: string
  readonly url: string
  readonly headers: Headers
}

declare class Response {
  constructor(body?: string | null, about?: { status?: number; headers?: Record<string, string> })
  readonly status: number
  readonly headers: Headers
  arrayBuffer(): Promise<ArrayBuffer>
  text(): Promise<string>
}

/** For core/cli/parse_args.ts alone: no more of node:util than it uses. */
declare module 'node:util' {
  export interface Token {
    readonly kind: 'option' | 'positional' | 'option-terminator'
    readonly index: number
    readonly name: string
    readonly value: string | undefined
  }
  export function parseArgs(options: {
    args: string[]
    strict: false
    allowPositionals: true
    tokens: true
  }): { readonly tokens: readonly Token[] }
}
