import { expect, test } from 'vitest'
import { latin1, toBytes } from '../../core/bytes/ascii.ts'
import { ByteWriter } from '../../core/bytes/writer.ts'

test('pieces of any size follow each other, however little room there was', () => {
  const out = new ByteWriter(1)
  let expected = ''
  for (const size of [0, 1, 2, 47, 48, 49, 100, 5000, 3]) {
    const text = String.fromCharCode(...Array.from({ length: size }, (_, i) => 0x80 | (i & 0x7f)))
    out.put(toBytes(text))
    out.text(text)
    out.put(toBytes(`xx${text}xx`), 2, 2 + size)
    expected += text + text + text
  }
  expect(latin1(out.view())).toBe(expected)
  out.clear()
  expect(out.view()).toHaveLength(0)
  out.byte(0x61)
  expect(latin1(out.view())).toBe('a')
})

test('numbers', () => {
  for (const number of [0, 1, 9, 10, 15, 16, 255, 256, 65_535, 4_294_967_295, 4_294_967_296, Number.MAX_SAFE_INTEGER]) {
    const out = new ByteWriter(1)
    out.decimal(number)
    out.byte(0x20)
    out.hex(number)
    expect(latin1(out.view())).toBe(`${number} ${number.toString(16)}`)
  }
})

test('what is no byte becomes no other byte', () => {
  const out = new ByteWriter(1)
  out.text('a\u010d\u0a0db')
  expect(latin1(out.view())).toBe('a??b')
})

test('an empty or turned piece writes nothing', () => {
  const out = new ByteWriter(1)
  out.put(toBytes('abc'), 2, 2)
  out.put(toBytes('abc'), 2, 1)
  expect(out.length).toBe(0)
})
