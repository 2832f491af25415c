import { describe, expect, test } from 'vitest'
import { latin1, toBytes } from '../../core/bytes/ascii.ts'
import { fromBase64, toBase64 } from '../../core/bytes/base64.ts'

describe('the vectors of RFC 4648 10', () => {
  test.each([
    ['', ''],
    ['f', 'Zg=='],
    ['fo', 'Zm8='],
    ['foo', 'Zm9v'],
    ['foob', 'Zm9vYg=='],
    ['fooba', 'Zm9vYmE='],
    ['foobar', 'Zm9vYmFy'],
  ])('%j is %j', (text, encoded) => {
    expect(toBase64(toBytes(text))).toBe(encoded)
    expect(fromBase64(encoded)).toBe(text)
  })
})

test('every byte, at every place of three', () => {
  const all = Uint8Array.from({ length: 256 + 2 }, (_, i) => i & 0xff)
  for (let from = 0; from < 3; from++) {
    const bytes = all.subarray(from)
    expect(fromBase64(toBase64(bytes))).toBe(latin1(bytes))
  }
})

test.each(['Z', 'Zg', 'Zg=', 'Zg===', 'Zh==', 'Zm9=', 'Z g=', 'Zm9v====', 'Zm-v', 'Zm_v', '=Zm9', 'Zg==Zg=='])(
  '%j is none',
  (text) => expect(fromBase64(text)).toBeNull(),
)
