/** What an ICAP client is answered: heads, which the bodies follow. */

import { SP, toBytes } from '../bytes/ascii.ts'
import { ByteWriter } from '../bytes/writer.ts'
import type { Failure } from '../failure.ts'
import { FIELD } from '../http/fields.ts'
import type { Head } from '../http/head.ts'
import { writeFields } from '../icap/encapsulated_head.ts'
import { type IcapFields, type Parts, writeIcapResponse } from '../icap/write.ts'
import { ICAP_OPTIONS_TTL } from '../limits.ts'
import type { IcapPeer } from './icap_peer.ts'

const LINE_END = toBytes('\r\n')
const NOTHING: Parts = { request: null, response: null, body: 'null-body' }

function write(peer: IcapPeer, status: number, more: IcapFields, parts: Parts): void {
  const { outbox, proxy, listener, reusable } = peer
  const fields: [string, string][] = [['ISTag', `"${listener.tag?.value ?? ''}"`], ['Date', proxy.date()]]
  if (!proxy.settings.http.transparent) fields.push(['Service', 'ExaProxy'])
  for (const [name, value] of more) fields.push([name, value])
  if (!reusable) fields.push(['Connection', 'close'])
  writeIcapResponse(outbox.writer, status, fields, parts)
  peer.answering()
  outbox.chunked = parts.body !== 'null-body'
}

/** It is about the ICAP request, and not about what is encapsulated. */
export function writeIcapFailure(peer: IcapPeer, failure: Failure): void {
  const { record } = peer
  const status = failure.status === 0 ? 500 : failure.status
  record.failure = failure.code
  if (record.reason === '') record.reason = failure.detail
  record.status = status
  write(peer, status, [], NOTHING)
}

/** RFC 3507 4.10.2: what this service does, and what it wants to be shown. */
export function writeOptions(peer: IcapPeer): void {
  const { connections, connections_per_client } = peer.listener.settings
  const most = Math.min(connections || Infinity, connections_per_client || Infinity)
  const fields: [string, string][] = [['Methods', 'REQMOD'], ['Options-TTL', `${ICAP_OPTIONS_TTL}`]]
  if (most !== Infinity) fields.push(['Max-Connections', `${most}`])
  // What decides looks at heads: no byte of a body is needed for it.
  fields.push(['Allow', '204'], ['Preview', '0'], ['Transfer-Preview', '*'])
  fields.push(['X-Include', 'X-Client-IP, X-Authenticated-User'])
  write(peer, 200, fields, NOTHING)
}

/** The request stays as it is. */
export function writeUnchanged(peer: IcapPeer): void {
  write(peer, 204, [], NOTHING)
}

/** The head of a request, as it came or changed; its body follows where there is one. */
export function writeRequest(peer: IcapPeer, head: Head, body: boolean): void {
  const request = new ByteWriter(head.end + 64)
  request.put(head.bytes, 0, head.methodEnd)
  request.byte(SP)
  request.put(head.bytes, head.targetStart, head.targetEnd)
  request.text(head.minor === 0 ? ' HTTP/1.0\r\n' : ' HTTP/1.1\r\n')
  // The length of a body that is not there would be waited for.
  writeFields(request, head, !body && head.length > 0 ? FIELD['content-length'] : 0)
  request.put(LINE_END)
  write(peer, 200, [], { request, response: null, body: body ? 'req-body' : 'null-body' })
}

/** The answer to the HTTP request, given here; `response`: its head, whole. */
export function writeSatisfied(peer: IcapPeer, response: ByteWriter, body: boolean): void {
  write(peer, 200, [], { request: null, response, body: body ? 'res-body' : 'null-body' })
}
