/** `{url}` and its like in the addresses and values of rules: what a block page has to be told of the request. */

import { withoutZone } from '../bytes/address.ts'
import type { Subject } from './subject.ts'

export const PLACEHOLDERS = ['url', 'host', 'path', 'query', 'client', 'user', 'rule'] as const
type Placeholder = typeof PLACEHOLDERS[number]

/** A text with places to fill in. */
export interface Template {
  /** Whether there are any. */
  readonly constant: boolean
  /** The text for a request; `rule`: the name of the rule. Always latin1 without control characters. */
  fill(subject: Subject, rule: string): string
}

export type ParsedTemplate = { readonly template: Template } | { readonly error: string }

const PLACE = /\{([a-z_]+)\}/g

/** All but what RFC 3986 2.3 leaves as it is, byte by byte. */
export function percentEncode(text: string): string {
  return encodeWhere(text, /[^A-Za-z0-9._~-]/g)
}

/** What may not stand in a URI at all. */
function onlyUri(text: string): string {
  return encodeWhere(text, /[^\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]/g)
}

function encodeWhere(text: string, which: RegExp): string {
  return text.replace(which, (character) => {
    const code = character.charCodeAt(0)
    // A byte is one character; what is more came from the configuration, and is UTF-8.
    return code > 0xff
      ? encodeURIComponent(character.toWellFormed())
      : `%${code.toString(16).toUpperCase().padStart(2, '0')}`
  })
}

/** Without what would end a field, or is no byte. */
function onlyValue(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x08\x0a-\x1f\x7f\u0100-\uffff]/g, '?')
}

/** The path as it was sent: what goes on is what came, not what was judged. */
function sentPath({ url, path }: Subject): string {
  if (path === '') return ''
  const authority = url.indexOf('://') + 3
  const start = url.slice(authority).search(/[/?]/)
  if (start < 0 || url[authority + start] === '?') return '/'
  const query = url.indexOf('?', authority + start)
  return url.slice(authority + start, query < 0 ? undefined : query)
}

function valueOf(place: Placeholder, subject: Subject, rule: string, inUrl: boolean): string {
  const free = inUrl ? percentEncode : onlyValue
  switch (place) {
    case 'url':
      return percentEncode(subject.url)
    case 'host':
      return subject.host.includes(':') ? `[${subject.host}]` : subject.host
    case 'path':
      return onlyUri(sentPath(subject))
    case 'query':
      return onlyUri(subject.query)
    case 'client':
      return free(withoutZone(subject.client))
    case 'user':
      return free(subject.user)
    case 'rule':
      return free(rule)
  }
}

const isPlace = (word: string): word is Placeholder => (PLACEHOLDERS as readonly string[]).includes(word)

/** `inUrl`: what is filled in is percent-encoded where it may hold anything; else it is a value of a field. */
export function parseTemplate(text: string, inUrl: boolean): ParsedTemplate {
  const pieces: string[] = []
  const places: Placeholder[] = []
  let at = 0
  for (const match of text.matchAll(PLACE)) {
    const word = match[1]
    if (!isPlace(word)) {
      const known = PLACEHOLDERS.map((place) => `{${place}}`).join(', ')
      return { error: `has {${word}}, which stands for nothing; there are ${known}` }
    }
    pieces.push(text.slice(at, match.index))
    places.push(word)
    at = match.index + match[0].length
  }
  const last = text.slice(at)
  if (places.length === 0) return { template: { constant: true, fill: () => text } }
  const fill = (subject: Subject, rule: string) => {
    let out = ''
    for (let i = 0; i < places.length; i++) out += pieces[i] + valueOf(places[i], subject, rule, inUrl)
    return out + last
  }
  return { template: { constant: false, fill } }
}
