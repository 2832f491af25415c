/** Writing ICAP messages: heads with what they encapsulate. Bodies follow in chunks (core/http/body.ts). */

import { toBytes } from '../bytes/ascii.ts'
import type { ByteWriter } from '../bytes/writer.ts'
import { type BodyPart, encapsulatedText } from './encapsulated.ts'

/** The heads of HTTP messages, whole, each with its empty line; `null`: none. And what follows them. */
export interface Parts {
  readonly request: ByteWriter | null
  readonly response: ByteWriter | null
  readonly body: BodyPart
}

export type IcapFields = readonly (readonly [name: string, value: string])[]

/** What a server sends after a preview, when it wants the rest. */
export const CONTINUE = toBytes('ICAP/1.0 100 Continue\r\n\r\n')

/** The last chunk of a preview that was all of the body (RFC 3507 4.5). */
export const PREVIEW_WAS_ALL = toBytes('0; ieof\r\n\r\n')

/** The words for the statuses of RFC 3507 4.3.3 and those of HTTP it takes over. */
const REASONS: Readonly<Record<number, string>> = {
  100: 'Continue',
  200: 'OK',
  204: 'No modifications needed',
  206: 'Partial Content',
  400: 'Bad request',
  404: 'ICAP Service not found',
  405: 'Method not allowed for service',
  408: 'Request timeout',
  500: 'Server error',
  501: 'Method not implemented',
  502: 'Bad Gateway',
  503: 'Service overloaded',
  505: 'ICAP version not supported by server',
}

/** A request with what it encapsulates; `parts` null: OPTIONS, which needs nothing. `uri` and values: latin1, no CR and LF. */
export function writeIcapRequest(
  out: ByteWriter,
  method: string,
  uri: string,
  fields: IcapFields,
  parts: Parts | null,
): void {
  out.text(`${method} ${uri} ICAP/1.0\r\n`)
  writeRest(out, fields, parts)
}

/** An answer with what it encapsulates; `parts` null: nothing, and it does not say so (100, 204). */
export function writeIcapResponse(out: ByteWriter, status: number, fields: IcapFields, parts: Parts | null): void {
  out.text(`ICAP/1.0 ${status} ${REASONS[status] ?? 'Unknown'}\r\n`)
  writeRest(out, fields, parts)
}

function writeRest(out: ByteWriter, fields: IcapFields, parts: Parts | null): void {
  for (const [name, value] of fields) {
    // A value that came from elsewhere must not become a field of its own.
    if (/[\r\n\0]/.test(value)) throw new Error(`an ICAP field with a line end: ${name}`)
    out.text(`${name}: ${value}\r\n`)
  }
  if (parts === null) {
    out.text('\r\n')
    return
  }
  const { request, response, body } = parts
  const sizes = { request: request?.length ?? 0, response: response?.length ?? 0, body }
  out.text(`Encapsulated: ${encapsulatedText(sizes)}\r\n\r\n`)
  if (request !== null) out.put(request.bytes, 0, request.length)
  if (response !== null) out.put(response.bytes, 0, response.length)
}
