/** The access log as JSON, one object a line. */

import { formatEndpoint } from '../bytes/address.ts'
import { DOT, QUOTE, toBytes } from '../bytes/ascii.ts'
import { isoSecond } from '../bytes/calendar.ts'
import { json, jsonText, threeDigits } from '../bytes/escape.ts'
import type { ByteWriter } from '../bytes/writer.ts'
import type { FieldId } from '../http/fields.ts'
import { FIELD } from '../http/fields.ts'
import type { Head } from '../http/head.ts'
import type { ArrivalTls } from './arrival.ts'
import { EachSecond, milliseconds, queryEnd, writeType, writeUrl } from './log_parts.ts'
import type { ExchangeRecord } from './record.ts'
import { resultCode } from './record.ts'

const NULL = toBytes('null')
const TRUE = toBytes('true')
const FALSE = toBytes('false')

/** What stands before each member, in their order. */
const BEFORE = {
  time: toBytes('{"time":"'),
  listener: toBytes('Z","listener":'),
  client: toBytes(',"client":'),
  user: toBytes(',"user":'),
  method: toBytes(',"method":'),
  url: toBytes(',"url":'),
  version: toBytes(',"version":'),
  status: toBytes(',"status":'),
  result: toBytes(',"result":"'),
  failure: toBytes('","failure":'),
  decision: toBytes(',"decision":"'),
  reason: toBytes('","reason":'),
  by: toBytes(',"classifier":'),
  rule: toBytes(',"rule":'),
  category: toBytes(',"category":'),
  hierarchy: toBytes(',"hierarchy":"'),
  parent: toBytes('","parent":'),
  origin: toBytes(',"origin":'),
  port: toBytes(',"origin_port":'),
  reused: toBytes(',"reused":'),
  type: toBytes(',"type":'),
  bytesIn: toBytes(',"bytes_in":'),
  bytesOut: toBytes(',"bytes_out":'),
  queue: toBytes(',"queue_ms":'),
  dns: toBytes(',"dns_ms":'),
  connect: toBytes(',"connect_ms":'),
  firstByte: toBytes(',"first_byte_ms":'),
  total: toBytes(',"total_ms":'),
  referer: toBytes(',"referer":'),
  userAgent: toBytes(',"user_agent":'),
  id: toBytes(',"id":'),
  uniqueId: toBytes(',"unique_id":'),
  tls: toBytes(',"tls":'),
  destination: toBytes(',"destination":'),
  agrees: toBytes(',"destination_agrees":'),
  end: toBytes('}\n'),
}
const TLS = {
  version: toBytes('{"version":'),
  cipher: toBytes(',"cipher":'),
  serverName: toBytes(',"server_name":'),
  clientName: toBytes(',"client_name":'),
  verified: toBytes(',"client_verified":'),
  end: toBytes('}'),
}
const VERSION_1_0 = toBytes('"1.0"')
const VERSION_1_1 = toBytes('"1.1"')

const dates = new EachSecond((second) => isoSecond(second * 1000))

/**
 * Always the same members, `null` where there is nothing to say. `time` is that of the start (RFC 3339, UTC), the steps
 * are milliseconds. Bytes from the network appear as U+0000 to U+00FF, one each. `strip` cuts the query off both URLs.
 */
export function writeJson(out: ByteWriter, record: ExchangeRecord, strip: boolean): void {
  const request = record.request
  const started = Math.floor(record.started)
  const second = Math.floor(started / 1000)
  out.put(BEFORE.time)
  out.put(dates.at(second))
  out.byte(DOT)
  threeDigits(out, started - second * 1000)
  out.put(BEFORE.listener)
  jsonText(out, record.listener)
  out.put(BEFORE.client)
  jsonText(out, record.client)
  out.put(BEFORE.user)
  jsonText(out, record.user)
  out.put(BEFORE.method)
  if (request === null) out.put(NULL)
  else writeString(out, request.bytes, 0, request.methodEnd)
  out.put(BEFORE.url)
  const url = out.length
  out.byte(QUOTE)
  endString(out, writeUrl(out, record, strip, json), url)
  out.put(BEFORE.version)
  if (request === null) out.put(NULL)
  else out.put(request.minor === 0 ? VERSION_1_0 : VERSION_1_1)
  out.put(BEFORE.status)
  out.decimal(record.status)
  out.put(BEFORE.result)
  out.text(resultCode(record))
  out.put(BEFORE.failure)
  jsonText(out, record.failure)
  out.put(BEFORE.decision)
  out.text(record.decision)
  out.put(BEFORE.reason)
  jsonText(out, record.reason)
  out.put(BEFORE.by)
  jsonText(out, record.by)
  out.put(BEFORE.rule)
  jsonText(out, record.rule)
  out.put(BEFORE.category)
  jsonText(out, record.category)
  out.put(BEFORE.hierarchy)
  out.text(record.hierarchy)
  out.put(BEFORE.parent)
  jsonText(out, record.parent)
  out.put(BEFORE.origin)
  jsonText(out, record.origin === null ? '' : record.origin.address)
  out.put(BEFORE.port)
  if (record.origin === null) out.put(NULL)
  else out.decimal(record.origin.port)
  out.put(BEFORE.reused)
  out.put(record.reused ? TRUE : FALSE)
  out.put(BEFORE.type)
  const type = out.length
  out.byte(QUOTE)
  endString(out, writeType(out, record, json), type)
  out.put(BEFORE.bytesIn)
  out.decimal(record.bytesIn)
  out.put(BEFORE.bytesOut)
  out.decimal(record.bytesOut)
  out.put(BEFORE.queue)
  milliseconds(out, record.queue)
  out.put(BEFORE.dns)
  milliseconds(out, record.dns)
  out.put(BEFORE.connect)
  milliseconds(out, record.connect)
  out.put(BEFORE.firstByte)
  milliseconds(out, record.firstByte)
  out.put(BEFORE.total)
  milliseconds(out, record.total)
  out.put(BEFORE.referer)
  writeField(out, request, FIELD.referer, strip)
  out.put(BEFORE.userAgent)
  writeField(out, request, FIELD['user-agent'], false)
  out.put(BEFORE.id)
  jsonText(out, record.id)
  out.put(BEFORE.uniqueId)
  jsonText(out, record.uniqueId)
  out.put(BEFORE.tls)
  if (record.tls === null) out.put(NULL)
  else writeTls(out, record.tls)
  out.put(BEFORE.destination)
  jsonText(out, record.destination === null ? '' : formatEndpoint(record.destination))
  out.put(BEFORE.agrees)
  out.put(record.agrees === null ? NULL : record.agrees ? TRUE : FALSE)
  out.put(BEFORE.end)
}

function writeTls(out: ByteWriter, { version, cipher, serverName, clientName, verified }: ArrivalTls): void {
  out.put(TLS.version)
  jsonText(out, version)
  out.put(TLS.cipher)
  jsonText(out, cipher)
  out.put(TLS.serverName)
  jsonText(out, serverName)
  out.put(TLS.clientName)
  jsonText(out, clientName)
  out.put(TLS.verified)
  out.put(verified ? TRUE : FALSE)
  out.put(TLS.end)
}

function writeString(out: ByteWriter, bytes: Uint8Array, start: number, end: number): void {
  out.byte(QUOTE)
  json(out, bytes, start, end)
  out.byte(QUOTE)
}

/** Close the string begun at `start`, or make it null. */
function endString(out: ByteWriter, written: boolean, start: number): void {
  if (written) {
    out.byte(QUOTE)
  } else {
    out.length = start
    out.put(NULL)
  }
}

function writeField(out: ByteWriter, request: Head | null, id: FieldId, strip: boolean): void {
  const field = request === null ? -1 : request.find(id)
  if (request === null || field < 0) {
    out.put(NULL)
    return
  }
  const start = request.at[field * 4 + 2]
  const end = request.at[field * 4 + 3]
  writeString(out, request.bytes, start, strip ? queryEnd(request.bytes, start, end) : end)
}
