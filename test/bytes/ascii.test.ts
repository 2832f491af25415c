import { describe, expect, test } from 'vitest'
import {
  all,
  CLASS,
  DIGIT,
  equals,
  equalsIgnoreCase,
  latin1,
  lowerCase,
  NAME,
  parseDecimal,
  sameIgnoreCase,
  TARGET,
  toBytes,
  TOKEN,
  VALUE,
} from '../../core/bytes/ascii.ts'

const every = Uint8Array.from({ length: 256 }, (_, i) => i)

test('latin1 and toBytes are one byte a character, both ways, for all of them and at any length', () => {
  const text = String.fromCharCode(...every)
  expect(latin1(every)).toBe(text)
  expect(toBytes(text)).toEqual(every)
  for (const size of [0, 1, 31, 32, 33, 4095, 4096, 4097, 10_000]) {
    const bytes = Uint8Array.from({ length: size }, (_, i) => i & 0xff)
    expect(toBytes(latin1(bytes))).toEqual(bytes)
  }
  expect(latin1(every, 0x41, 0x44)).toBe('ABC')
  expect(latin1(every, 5, 5)).toBe('')
})
test('toBytes refuses what is no byte', () => {
  expect(() => toBytes('a\u0100')).toThrow(RangeError)
})

test('the classes of bytes are those of the RFCs', () => {
  const members = (bit: number): string => latin1(every.filter((byte) => (CLASS[byte] & bit) !== 0))
  const alphanumeric = '0-9A-Za-z'
  const fits = (bit: number, pattern: RegExp): void => {
    for (const byte of every) {
      expect([byte, (CLASS[byte] & bit) !== 0]).toEqual([byte, pattern.test(String.fromCharCode(byte))])
    }
  }
  fits(TOKEN, new RegExp(`^[${alphanumeric}!#$%&'*+.^_\`|~-]$`))
  fits(VALUE, /^[\t\x20-\x7e\x80-\xff]$/)
  fits(TARGET, new RegExp(`^[${alphanumeric}._~:/?\\[\\]@!$&'()*+,;=%-]$`))
  fits(NAME, new RegExp(`^[${alphanumeric}._-]$`))
  expect(members(DIGIT)).toBe('0123456789')
})

describe('comparing', () => {
  const bytes = toBytes('xContent-LENGTHx')
  test('equals', () => {
    expect(equals(bytes, 1, 15, 'Content-LENGTH')).toBe(true)
    expect(equals(bytes, 1, 15, 'Content-Length')).toBe(false)
    expect(equals(bytes, 1, 14, 'Content-LENGTH')).toBe(false)
    expect(equals(bytes, 1, 1, '')).toBe(true)
  })
  test('equalsIgnoreCase knows letters only', () => {
    expect(equalsIgnoreCase(bytes, 1, 15, 'content-length')).toBe(true)
    expect(equalsIgnoreCase(bytes, 1, 15, 'content_length')).toBe(false)
    // "-" and CR, "@" and "`", "[" and "{" differ in the bit in which letters differ by case.
    for (const [a, b] of [['\r', '-'], ['@', '`'], ['[', '{'], ['\x1a', ':'], ['\xc0', '\xe0']]) {
      expect(equalsIgnoreCase(toBytes(a), 0, 1, b)).toBe(false)
    }
  })
  test('sameIgnoreCase', () => {
    const other = toBytes('content-length')
    expect(sameIgnoreCase(bytes, 1, 15, other, 0, 14)).toBe(true)
    expect(sameIgnoreCase(bytes, 1, 14, other, 0, 14)).toBe(false)
    expect(sameIgnoreCase(toBytes('-'), 0, 1, toBytes('\r'), 0, 1)).toBe(false)
  })
  test('lowerCase', () => {
    expect(lowerCase(toBytes('AZ[@\xc0z'), 0, 6)).toBe('az[@\xc0z')
  })
})

test.each([
  ['0', 0],
  ['007', 7],
  ['9007199254740991', Number.MAX_SAFE_INTEGER],
  ['9007199254740992', -1],
  ['9007199254740993', -1],
  ['18446744073709551616', -1],
  ['9'.repeat(400), -1],
  ['', -1],
  [' 1', -1],
  ['1 ', -1],
  ['+1', -1],
  ['-1', -1],
  ['1e3', -1],
  ['0x1', -1],
  ['1_0', -1],
  ['\xb2', -1],
])('parseDecimal %s', (text, number) => {
  expect(parseDecimal(toBytes(text), 0, text.length)).toBe(number)
})

test('all', () => {
  expect(all(toBytes('123'), 0, 3, DIGIT)).toBe(true)
  expect(all(toBytes('12a'), 0, 3, DIGIT)).toBe(false)
  expect(all(toBytes('12a'), 0, 2, DIGIT)).toBe(true)
  expect(all(toBytes('12a'), 1, 1, DIGIT)).toBe(false)
})
