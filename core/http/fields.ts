/** The fields this proxy treats in some way of its own, as small integers. Any other name is 0. */

export const FIELD = {
  'host': 1,
  'connection': 2,
  'content-length': 3,
  'transfer-encoding': 4,
  'te': 5,
  'trailer': 6,
  'upgrade': 7,
  'expect': 8,
  'via': 9,
  'x-forwarded-for': 10,
  'forwarded': 11,
  'proxy-connection': 12,
  'keep-alive': 13,
  'proxy-authorization': 14,
  'proxy-authenticate': 15,
  'max-forwards': 16,
  'http2-settings': 17,
  'date': 18,
  'user-agent': 19,
  'referer': 20,
  'accept': 21,
  'content-type': 22,
  'location': 23,
  'cookie': 24,
  'set-cookie': 25,
  'authorization': 26,
  'www-authenticate': 27,
  'cache-control': 28,
  'x-forwarded-proto': 29,
  'x-forwarded-host': 30,
  'x-real-ip': 31,
  'content-encoding': 32,
  'content-range': 33,
  'accept-encoding': 34,
  'accept-language': 35,
  'range': 36,
  'origin': 37,
  'server': 38,
  'retry-after': 39,
  'etag': 40,
  'last-modified': 41,
  'if-none-match': 42,
  'if-modified-since': 43,
  'pragma': 44,
  'proxy-authentication-info': 45,
  'proxy-status': 46,
} as const satisfies Record<string, number>

export type FieldName = keyof typeof FIELD
/** 0 for a name that is not in {@link FIELD}. */
export type FieldId = number

/** The name of each id, in lower case. */
export const FIELD_NAMES: readonly string[] = ['', ...Object.keys(FIELD)]

// A table by length, first, middle and last byte; the few names that meet in one slot are chained by `next`.
const SLOTS = 256
const slots = new Uint8Array(SLOTS)
const next = new Uint8Array(FIELD_NAMES.length)
const lengths = Uint8Array.from(FIELD_NAMES, (name) => name.length)
const starts = new Uint16Array(FIELD_NAMES.length)
const letters = new Uint8Array(FIELD_NAMES.join('').length)

const slot = (length: number, first: number, middle: number, last: number): number =>
  (length * 11 + (first | 0x20) * 7 + (middle | 0x20) * 5 + (last | 0x20) * 3) & (SLOTS - 1)

let used = 0
for (let id = 1; id < FIELD_NAMES.length; id++) {
  const name = FIELD_NAMES[id]
  starts[id] = used
  for (let i = 0; i < name.length; i++) letters[used++] = name.charCodeAt(i)
  const length = name.length
  const at = slot(length, name.charCodeAt(0), name.charCodeAt(length >> 1), name.charCodeAt(length - 1))
  next[id] = slots[at]
  slots[at] = id
}

/**
 * The id of the field name `bytes[start..end)` in any case of letters; 0 when it is none we know. It must be a token: among
 * those, setting the bit that makes letters small turns nothing else into a letter, a digit or "-".
 */
export function fieldId(bytes: Uint8Array, start: number, end: number): FieldId {
  const length = end - start
  let id = slots[slot(length, bytes[start], bytes[start + (length >> 1)], bytes[end - 1])]
  while (id !== 0) {
    if (lengths[id] === length) {
      let letter = starts[id]
      let i = start
      while (i < end && (bytes[i] | 0x20) === letters[letter]) {
        i++
        letter++
      }
      if (i === end) return id
    }
    id = next[id]
  }
  return 0
}

const idSet = (names: readonly FieldName[]): Uint8Array => {
  const set = new Uint8Array(FIELD_NAMES.length)
  for (const name of names) set[FIELD[name]] = 1
  return set
}

/** Never sent on as they are, whether Connection names them or not (RFC 9110 7.6.1, 11.7.2; 9113 3.2.1). */
export const HOP_BY_HOP: Uint8Array = idSet([
  'connection',
  'proxy-connection',
  'keep-alive',
  'te',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'proxy-authorization',
])

/**
 * What Connection may not take away: fields for all recipients, whose removal half-way is an attack on whoever relies on
 * them (RFC 9110 7.6.1 forbids naming them). The token is dropped, the field stays.
 */
export const END_TO_END: Uint8Array = idSet([
  'host',
  'content-length',
  'content-type',
  'content-encoding',
  'content-range',
  'authorization',
  'www-authenticate',
  'cookie',
  'set-cookie',
  'via',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-real-ip',
  'forwarded',
  'cache-control',
  'expect',
  'max-forwards',
  'date',
  'proxy-authenticate',
])

/** Never forwarded as trailers: framing, routing, authentication, and what was decided upon already (RFC 9110 6.5.1). */
export const NOT_IN_TRAILERS: Uint8Array = idSet([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'via',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-real-ip',
  'forwarded',
  'proxy-connection',
  'keep-alive',
  'proxy-authorization',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-status',
  'max-forwards',
  'http2-settings',
  'date',
  'content-type',
  'content-encoding',
  'content-range',
  'location',
  'cookie',
  'set-cookie',
  'authorization',
  'www-authenticate',
  'cache-control',
  'range',
  'retry-after',
  'pragma',
])
