/**
 * Times of the week, as a person writes them: `mon-fri 08:00-17:00`, `22:00-06:00` (over midnight), `sat,sun`, and Squid's
 * letters: `MTWHF 08:00-17:00` (S Sunday, M, T, W, H Thursday, F, A Saturday, D Monday to Friday).
 */

const MINUTES_A_DAY = 1440
const MINUTES_A_WEEK = 7 * MINUTES_A_DAY
const MINUTE = 60_000
/** 1970-01-01 was a Thursday. */
const FIRST_WEEKDAY = 4

const NAMES = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const LONG = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']
/** Squid's letters, Sunday first. */
const LETTERS = 'SMTWHFA'
const WORKDAYS = [1, 2, 3, 4, 5]

/** Minutes of the week that begins on Sunday at 00:00; `to` is not in it. */
interface Window {
  readonly from: number
  readonly to: number
}

export type ParsedTime = { readonly windows: readonly Window[] } | { readonly error: string }

const HOURS = /^([0-9]{1,2}):([0-9]{2})-([0-9]{1,2}):([0-9]{2})$/

function dayOf(word: string): number {
  const lower = word.toLowerCase()
  const short = NAMES.indexOf(lower)
  return short >= 0 ? short : LONG.indexOf(lower)
}

/** `mon-fri`, `sat,sun`, `fri-mon`, `MTWHF`, `daily`; `null` when it is none of these. */
function readDays(text: string): number[] | null {
  if (text.toLowerCase() === 'daily') return [0, 1, 2, 3, 4, 5, 6]
  // "SAT" is a name first.
  if (/^[SMTWHFAD]+$/.test(text) && dayOf(text) < 0) {
    return [...text].flatMap((letter) => letter === 'D' ? WORKDAYS : [LETTERS.indexOf(letter)])
  }
  const days: number[] = []
  for (const part of text.split(',')) {
    const [first = '', last = first, ...more] = part.split('-')
    const from = dayOf(first)
    const to = dayOf(last)
    if (from < 0 || to < 0 || more.length > 0) return null
    for (let day = from;; day = (day + 1) % 7) {
      days.push(day)
      if (day === to) break
    }
  }
  return days
}

function minuteOf(hour: string, minute: string): number {
  const minutes = Number(minute)
  const whole = Number(hour) * 60 + minutes
  return minutes > 59 || whole > MINUTES_A_DAY ? -1 : whole
}

/** The minutes of a day that are meant; past its end where they go over midnight. */
function readHours(text: string): Window | null {
  const [, fromHour = '', fromMinute = '', toHour = '', toMinute = ''] = HOURS.exec(text) ?? []
  if (fromHour === '') return null
  const from = minuteOf(fromHour, fromMinute)
  const to = minuteOf(toHour, toMinute)
  if (from < 0 || to < 0 || from === to || from === MINUTES_A_DAY) return null
  return { from, to: to < from ? to + MINUTES_A_DAY : to }
}

/** Read a time, or say what is wrong with it. A meant over midnight belongs to the day it begins on. */
export function parseTime(text: string): ParsedTime {
  const words = text.split(' ').filter((word) => word !== '')
  const error = { error: 'is not a time, as "mon-fri 08:00-17:00"' }
  if (words.length < 1 || words.length > 2) return error
  const hours = HOURS.test(words[words.length - 1]) ? words.pop()! : '00:00-24:00'
  if (words.length > 1) return error
  const days = words.length === 0 ? readDays('daily') : readDays(words[0])
  const meant = readHours(hours)
  if (days === null) {
    return { error: `has days that are none: ${words[0]}; write them as "mon-fri", "sat,sun" or "MTWHF"` }
  }
  if (meant === null) return { error: `has hours that are none: ${hours}; write them as "08:00-17:00"` }
  const windows = days.map((day) => {
    return { from: day * MINUTES_A_DAY + meant.from, to: day * MINUTES_A_DAY + meant.to }
  })
  return { windows }
}

/** The minute of the week, from Sunday 00:00, where clocks are `zone` minutes ahead of UTC. `date`: ms since 1970. */
export function minuteOfWeek(date: number, zone: number): number {
  const minutes = Math.floor(date / MINUTE) + zone + FIRST_WEEKDAY * MINUTES_A_DAY
  return ((minutes % MINUTES_A_WEEK) + MINUTES_A_WEEK) % MINUTES_A_WEEK
}

/** `minute`: of the week. Saturday's night goes on into Sunday. */
export function inWindows(windows: readonly Window[], minute: number): boolean {
  for (let i = 0; i < windows.length; i++) {
    const { from, to } = windows[i]
    if ((minute >= from && minute < to) || minute + MINUTES_A_WEEK < to) return true
  }
  return false
}
