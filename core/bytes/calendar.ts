/**
 * UTC dates out of milliseconds, by arithmetic: the core has no Date, and a log writes too many dates to ask for objects.
 */

/** A moment, UTC. `month` is 1 to 12, `weekday` 0 (Sunday) to 6. */
export interface Moment {
  year: number
  month: number
  day: number
  weekday: number
  hour: number
  minute: number
  second: number
  millisecond: number
}

/** Milliseconds. */
export const DAY = 86_400_000

/**
 * The moment `ms` milliseconds after 1970-01-01T00:00:00Z (before it when negative; a fraction is dropped).
 *
 * Counting in eras of 400 years that begin in March puts the leap day last, where it disturbs no month.
 */
export function moment(ms: number): Moment {
  const days = Math.floor(ms / DAY)
  const rest = Math.floor(ms - days * DAY)
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1,
    weekday: ((days + 4) % 7 + 7) % 7,
    hour: Math.floor(rest / 3_600_000),
    minute: Math.floor(rest / 60_000) % 60,
    second: Math.floor(rest / 1000) % 60,
    millisecond: rest % 1000,
  }
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

const two = (n: number): string => n < 10 ? `0${n}` : `${n}`
const four = (n: number): string => `${n}`.padStart(4, '0')
const clock = (at: Moment): string => `${two(at.hour)}:${two(at.minute)}:${two(at.second)}`

/** `2026-11-24T23:54:10.123Z` (RFC 3339). */
export function isoTime(ms: number): string {
  return `${isoSecond(ms)}.${`${moment(ms).millisecond}`.padStart(3, '0')}Z`
}

/** `2026-11-24T23:54:10`: what {@link isoTime} says, without the milliseconds and the zone. */
export function isoSecond(ms: number): string {
  const at = moment(ms)
  return `${four(at.year)}-${two(at.month)}-${two(at.day)}T${clock(at)}`
}

/** `24/Nov/2026:23:54:10 +0000`, as the logs of Apache have it. */
export function commonLogTime(ms: number): string {
  const at = moment(ms)
  return `${two(at.day)}/${MONTHS[at.month - 1]}/${four(at.year)}:${clock(at)} +0000`
}

/** `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 5.6.7). */
export function httpDate(ms: number): string {
  const at = moment(ms)
  return `${DAYS[at.weekday]}, ${two(at.day)} ${MONTHS[at.month - 1]} ${four(at.year)} ${clock(at)} GMT`
}
