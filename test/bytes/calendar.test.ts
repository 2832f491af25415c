import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { commonLogTime, httpDate, isoSecond, isoTime, moment } from '../../core/bytes/calendar.ts'

describe('moment()', () => {
  test.each([
    ['1970-01-01T00:00:00.000Z', 0],
    ['1969-12-31T23:59:59.999Z', -1],
    ['2000-02-29T23:59:59.999Z', 951_868_799_999],
    ['2000-03-01T00:00:00.000Z', 951_868_800_000],
    ['2023-12-31T23:59:59.000Z', 1_704_067_199_000],
    ['2024-02-29T00:00:00.000Z', 1_709_164_800_000],
    ['2100-02-28T23:59:59.999Z', 4_107_542_399_999],
    ['2100-03-01T00:00:00.000Z', 4_107_542_400_000],
    ['9999-12-31T23:59:59.999Z', 253_402_300_799_999],
  ])('%s', (text, ms) => {
    expect(isoTime(ms)).toBe(text)
    expect(isoTime(ms)).toBe(new Date(ms).toISOString())
  })

  test('agrees with Date (property)', () => {
    const range = { min: Date.UTC(0, 0, 1) - 1900 * 365 * 86_400_000, max: Date.UTC(9999, 11, 31) }
    fc.assert(
      fc.property(fc.integer(range), (ms) => {
        const date = new Date(ms)
        expect(moment(ms)).toEqual({
          year: date.getUTCFullYear(),
          month: date.getUTCMonth() + 1,
          day: date.getUTCDate(),
          weekday: date.getUTCDay(),
          hour: date.getUTCHours(),
          minute: date.getUTCMinutes(),
          second: date.getUTCSeconds(),
          millisecond: date.getUTCMilliseconds(),
        })
      }),
      { numRuns: 2000 },
    )
  })

  test('every day of eight centuries', () => {
    for (let day = Date.UTC(1600, 0, 1); day < Date.UTC(2400, 0, 1); day += 86_400_000) {
      if (isoTime(day) !== new Date(day).toISOString()) expect(isoTime(day)).toBe(new Date(day).toISOString())
    }
  })

  test('drops a fraction', () => {
    expect(isoTime(1.9)).toBe('1970-01-01T00:00:00.001Z')
    expect(moment(-0.5)).toMatchObject({ year: 1969, millisecond: 999 })
  })
})

test('isoSecond() and commonLogTime()', () => {
  expect(isoSecond(1_795_540_555_046)).toBe('2026-11-24T17:15:55')
  expect(commonLogTime(1_795_540_555_046)).toBe('24/Nov/2026:17:15:55 +0000')
  expect(commonLogTime(1_798_761_600_000 - 1)).toBe('31/Dec/2026:23:59:59 +0000')
  expect(commonLogTime(1_798_761_600_000)).toBe('01/Jan/2027:00:00:00 +0000')
})

test('9110 5.6.7: httpDate', () => {
  expect(httpDate(784_111_777_000)).toBe('Sun, 06 Nov 1994 08:49:37 GMT')
  expect(httpDate(784_111_777_999)).toBe('Sun, 06 Nov 1994 08:49:37 GMT')
  expect(httpDate(0)).toBe('Thu, 01 Jan 1970 00:00:00 GMT')
  for (let ms = 0; ms < 4e12; ms += 7_654_321_987) expect(httpDate(ms)).toBe(new Date(ms).toUTCString())
})
