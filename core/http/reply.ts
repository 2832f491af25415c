/** Answers this proxy gives by itself. */

import { toBytes } from '../bytes/ascii.ts'
import type { ByteWriter } from '../bytes/writer.ts'
import { FIELD } from './fields.ts'
import type { Head } from './head.ts'

/** Tells a client that waits to go on with its body (RFC 9110 10.1.1). */
export const CONTINUE = toBytes('HTTP/1.1 100 Continue\r\n\r\n')

/** Reason phrases of the IANA registry. */
export const REASONS: Readonly<Record<number, string>> = {
  100: 'Continue',
  101: 'Switching Protocols',
  102: 'Processing',
  103: 'Early Hints',
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  203: 'Non-Authoritative Information',
  204: 'No Content',
  205: 'Reset Content',
  206: 'Partial Content',
  207: 'Multi-Status',
  208: 'Already Reported',
  226: 'IM Used',
  300: 'Multiple Choices',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  305: 'Use Proxy',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  407: 'Proxy Authentication Required',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  411: 'Length Required',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  423: 'Locked',
  424: 'Failed Dependency',
  425: 'Too Early',
  426: 'Upgrade Required',
  428: 'Precondition Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  451: 'Unavailable For Legal Reasons',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
  506: 'Variant Also Negotiates',
  507: 'Insufficient Storage',
  508: 'Loop Detected',
  510: 'Not Extended',
  511: 'Network Authentication Required',
}

export interface Reply {
  readonly status: number
  /** Instead of the registered reason. */
  readonly reason?: string
  /** Name and value, latin1 without CR, LF and NUL. Content-Length, Connection and Date are not among them. */
  readonly fields: readonly (readonly [string, string])[]
  readonly body: Uint8Array
  /** The answer to HEAD: the length is told, the body is not sent. */
  readonly bodiless: boolean
  /** The connection is closed after it. */
  readonly close: boolean
  /** The value of Date; empty: there is none. */
  readonly date: string
}

/** Write a whole answer. 1xx, 204 and 304 have no body and no length (RFC 9110 8.6, 15.3.5). */
export function writeReply(out: ByteWriter, reply: Reply): void {
  const { status, body } = reply
  const empty = status < 200 || status === 204 || status === 304
  out.text(`HTTP/1.1 ${status} ${reply.reason ?? REASONS[status] ?? ''}\r\n`)
  if (reply.date !== '' && status >= 200) out.text(`Date: ${reply.date}\r\n`)
  for (const [name, value] of reply.fields) {
    if (/[\r\n\0]/.test(name + value)) throw new Error(`a field with a line end: ${name}`)
    out.text(`${name}: ${value}\r\n`)
  }
  if (!empty) out.text(`Content-Length: ${body.length}\r\n`)
  if (reply.close) out.text('Connection: close\r\n')
  out.text('\r\n')
  if (!empty && !reply.bodiless) out.put(body)
}

/** Never shown to whoever asks for an echo (RFC 9110 9.3.8). */
const SECRET: readonly number[] = [FIELD.cookie, FIELD.authorization, FIELD['proxy-authorization']]

/** Answer a TRACE that may go no further with the head it had (RFC 9110 9.3.8). */
export function writeTrace(out: ByteWriter, head: Head, how: { close: boolean; date: string }): void {
  const { bytes, at } = head
  let size = head.fieldsStart + 2
  for (let i = 0; i < head.count; i++) {
    if (!SECRET.includes(head.ids[i])) size += at[i * 4 + 1] - at[i * 4] + at[i * 4 + 3] - at[i * 4 + 2] + 4
  }
  out.text('HTTP/1.1 200 OK\r\n')
  if (how.date !== '') out.text(`Date: ${how.date}\r\n`)
  out.text('Content-Type: message/http\r\nCache-Control: no-store\r\n')
  out.text(`Content-Length: ${size}\r\n`)
  if (how.close) out.text('Connection: close\r\n')
  out.text('\r\n')
  out.put(bytes, 0, head.fieldsStart)
  for (let i = 0; i < head.count; i++) {
    if (SECRET.includes(head.ids[i])) continue
    out.put(bytes, at[i * 4], at[i * 4 + 1])
    out.text(': ')
    out.put(bytes, at[i * 4 + 2], at[i * 4 + 3])
    out.text('\r\n')
  }
  out.text('\r\n')
}
