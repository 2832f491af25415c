import { expect, test } from 'vitest'
import { copy } from '../../core/bytes/copy.ts'

const from = (size: number) => Uint8Array.from({ length: size }, (_, i) => i * 7 + 1)

test.each([
  { size: 10, start: 0, end: 10 },
  { size: 10, start: 3, end: 8 },
  { size: 10, start: 0, end: 8 },
  { size: 2048, start: 100, end: 2048 },
  { size: 2049, start: 100, end: 2049 },
  { size: 100_000, start: 5, end: 99_999 },
  { size: 10, start: 4, end: 4 },
])('$start to $end of $size', ({ size, start, end }) => {
  for (const spare of [0, 1, size]) {
    const at = 5
    const target = new Uint8Array(at + end - start + spare).fill(255)
    copy(target, at, from(size), start, end)
    expect([...target.subarray(0, at)]).toEqual([255, 255, 255, 255, 255])
    expect([...target.subarray(at, at + end - start)]).toEqual([...from(size).subarray(start, end)])
  }
})
