/** Putting the chunked coding on: sizes, the last chunk, and the trailers that may be sent on (RFC 9112 7.1). */

import type { ByteWriter } from '../bytes/writer.ts'
import { NOT_IN_TRAILERS } from './fields.ts'
import type { Head } from './head.ts'

/**
 * What goes before a chunk of `size` bytes, which is not 0. The chunk itself is written after it, and then CR LF: write that
 * with {@link writeChunkEnd}.
 */
export function writeChunkSize(out: ByteWriter, size: number): void {
  out.hex(size)
  out.text('\r\n')
}

/** What goes after a chunk. */
export function writeChunkEnd(out: ByteWriter): void {
  out.text('\r\n')
}

/** The last chunk, the trailers that may be forwarded (`null`: none at all), and the empty line after them. */
export function writeLastChunk(out: ByteWriter, trailers: Head | null): void {
  out.text('0\r\n')
  if (trailers !== null) writeTrailers(out, trailers)
  out.text('\r\n')
}

/** Framing, routing, authentication and hop-by-hop names have no place among trailers (RFC 9110 6.5.1). */
function writeTrailers(out: ByteWriter, trailers: Head): void {
  const { at, bytes } = trailers
  for (let i = 0; i < trailers.count; i++) {
    if (trailers.cut[i] !== 0 || NOT_IN_TRAILERS[trailers.ids[i]] === 1) continue
    out.put(bytes, at[i * 4], at[i * 4 + 1])
    out.text(': ')
    out.put(bytes, at[i * 4 + 2], at[i * 4 + 3])
    out.text('\r\n')
  }
}
