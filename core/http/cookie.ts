/** Cookies of a request (RFC 6265 4.2), by name. */

import { FIELD } from './fields.ts'
import type { Head } from './head.ts'

/** The value of the first cookie of this name; '' when there is none. */
export function cookieOf(head: Head, name: string): string {
  for (let i = head.find(FIELD.cookie); i >= 0; i = head.find(FIELD.cookie, i + 1)) {
    for (const pair of head.value(i).split(';')) {
      const [, found, value] = /^[ \t]*([^=]*?)[ \t]*=[ \t]*(.*?)[ \t]*$/.exec(pair) ?? []
      if (found === name) return value
    }
  }
  return ''
}

/** The value of a Cookie field without the cookies of this name; '' when nothing is left. */
export function withoutCookie(value: string, name: string): string {
  const kept = value.split(';').filter((pair) => /^[ \t]*([^=]*?)[ \t]*(?:=|$)/.exec(pair)?.[1] !== name)
  return kept.join(';').replace(/^[ \t]+|[ \t]+$/g, '')
}
