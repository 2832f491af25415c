/** Apache's combined format. */

import { DASH, LF, QUOTE, SP, toBytes } from '../bytes/ascii.ts'
import { commonLogTime } from '../bytes/calendar.ts'
import { quoted, threeDigits, tokenText } from '../bytes/escape.ts'
import type { ByteWriter } from '../bytes/writer.ts'
import type { FieldId } from '../http/fields.ts'
import { FIELD } from '../http/fields.ts'
import type { Head } from '../http/head.ts'
import { EachSecond, queryEnd, writeTarget, writeUrl } from './log_parts.ts'
import type { ExchangeRecord } from './record.ts'

const IDENTITY = toBytes(' - ')
const BEFORE_DATE = toBytes(' [')
const AFTER_DATE = toBytes('] "')
const HTTP_1_0 = toBytes(' HTTP/1.0')
const HTTP_1_1 = toBytes(' HTTP/1.1')

const dates = new EachSecond((second) => commonLogTime(second * 1000))

/**
 * `client - user [time] "method target version" status bytes "referer" "user agent"`. Time is that of the start, in UTC.
 * Bytes are all that were sent, the head too. `strip` cuts the query off the Referer as well: it is a URL somebody visited.
 */
export function writeCombined(out: ByteWriter, record: ExchangeRecord, strip: boolean): void {
  const request = record.request
  tokenText(out, record.client)
  out.put(IDENTITY)
  tokenText(out, record.user)
  out.put(BEFORE_DATE)
  out.put(dates.at(Math.floor(record.started / 1000)))
  out.put(AFTER_DATE)
  if (request === null) {
    out.byte(DASH)
  } else {
    quoted(out, request.bytes, 0, request.methodEnd)
    out.byte(SP)
    if (record.url === '') writeTarget(out, record, request, strip, quoted)
    else writeUrl(out, record, strip, quoted)
    out.put(request.minor === 0 ? HTTP_1_0 : HTTP_1_1)
  }
  out.byte(QUOTE)
  out.byte(SP)
  threeDigits(out, record.status)
  out.byte(SP)
  if (record.bytesOut === 0) out.byte(DASH)
  else out.decimal(record.bytesOut)
  out.byte(SP)
  writeField(out, request, FIELD.referer, strip)
  out.byte(SP)
  writeField(out, request, FIELD['user-agent'], false)
  out.byte(LF)
}

function writeField(out: ByteWriter, request: Head | null, id: FieldId, strip: boolean): void {
  out.byte(QUOTE)
  const field = request === null ? -1 : request.find(id)
  if (request === null || field < 0) {
    out.byte(DASH)
  } else {
    const start = request.at[field * 4 + 2]
    const end = request.at[field * 4 + 3]
    quoted(out, request.bytes, start, strip ? queryEnd(request.bytes, start, end) : end)
  }
  out.byte(QUOTE)
}
