/** Times as people say them, by the clock on the wall of this machine. */

import { DAY, moment } from '../bytes/calendar.ts'
import type { Clock } from '../runtime.ts'

const MINUTE = 60_000
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

/** Days from 1970-01-01 to this one, by arithmetic as in bytes/calendar.ts. `month` from 1. */
function daysTo(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
}

/** `2026-11-25 09:00` or `09:00` (today), as milliseconds since 1970-01-01 UTC; `null` when it is neither. */
export function readTime(clock: Clock, text: string): number | null {
  const match = /^(?:([0-9]{4})-([0-9]{2})-([0-9]{2})[ T])?([0-9]{1,2}):([0-9]{2})$/.exec(text)
  if (match === null) return null
  const now = clock.date()
  const today = moment(now + clock.zone(now) * MINUTE)
  const [year, month, day, hour, minute] = match.slice(1).map(Number) as [number, number, number, number, number]
  if (hour > 23 || minute > 59) return null
  const days = match[1] === undefined ? daysTo(today.year, today.month, today.day) : daysTo(year, month, day)
  const wall = days * DAY + (hour * 60 + minute) * MINUTE
  const read = moment(wall)
  if (match[1] !== undefined && (read.year !== year || read.month !== month || read.day !== day)) return null
  // The clock may be set forward or back between the two.
  const near = wall - clock.zone(wall) * MINUTE
  return wall - clock.zone(near) * MINUTE
}

/** `wed 2026-11-25 09:00`. */
export function timeText(date: number, zone: number): string {
  const at = moment(date + zone * MINUTE)
  const two = (number: number): string => String(number).padStart(2, '0')
  return `${DAYS[at.weekday]} ${at.year}-${two(at.month)}-${two(at.day)} ${two(at.hour)}:${two(at.minute)}`
}
