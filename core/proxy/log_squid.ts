/** Squid's native format. */

import { DASH, DOT, LF, SLASH, SP } from '../bytes/ascii.ts'
import { threeDigits, token, tokenText } from '../bytes/escape.ts'
import type { ByteWriter } from '../bytes/writer.ts'
import { EachSecond, writeType, writeUrl } from './log_parts.ts'
import type { ExchangeRecord } from './record.ts'
import { resultCode } from './record.ts'

const seconds = new EachSecond((second) => `${second}`)

/**
 * Squid's native format, byte for byte (`"%9ld.%03d %6ld %s %s/%03d %lld %s %s %s %s/%s %s"`):
 * `time.ms elapsed client result/status bytes method URL user hierarchy/origin type`. Time is that of the end.
 */
export function writeSquid(out: ByteWriter, record: ExchangeRecord, strip: boolean): void {
  const ended = Math.floor(record.started + record.total)
  const second = Math.floor(ended / 1000)
  out.put(seconds.at(second))
  out.byte(DOT)
  threeDigits(out, ended - second * 1000)
  out.byte(SP)
  const elapsed = Math.max(0, Math.floor(record.total))
  for (let least = 100_000; least > elapsed && least > 1; least /= 10) out.byte(SP)
  out.decimal(elapsed)
  out.byte(SP)
  tokenText(out, record.client)
  out.byte(SP)
  out.text(resultCode(record))
  out.byte(SLASH)
  threeDigits(out, record.status)
  out.byte(SP)
  out.decimal(record.bytesOut)
  out.byte(SP)
  const request = record.request
  if (request === null) out.byte(DASH)
  else token(out, request.bytes, 0, request.methodEnd)
  out.byte(SP)
  if (!writeUrl(out, record, strip, token)) out.text(noUrl(record))
  out.byte(SP)
  tokenText(out, record.user)
  out.byte(SP)
  out.text(record.hierarchy)
  out.byte(SLASH)
  tokenText(out, record.origin === null ? '' : record.origin.address)
  out.byte(SP)
  if (!writeType(out, record, token)) out.byte(DASH)
  out.byte(LF)
}

/** What stands for the URL of what never was a request. */
function noUrl(record: ExchangeRecord): string {
  switch (record.failure) {
    case 'target-too-long':
    case 'head-too-large':
      return 'error:request-too-large'
    case '':
    case 'client-left':
    case 'head-timeout':
      return 'error:transaction-end-before-headers'
    default:
      return 'error:invalid-request'
  }
}
