/**
 * Safe search: engines that filter what they find, for those who ask through this proxy. By name, which works for CONNECT,
 * too: the engine's enforcing host is dialled, and Host and SNI stay as they are. Where the request is seen, its query, a
 * field and a cookie say so as well, for names that no enforcing host stands for.
 */

import { HEX_VALUE } from '../bytes/ascii.ts'
import type { SafeSearchLevel } from '../config/settings.ts'
import { type Changes, NO_CHANGES } from './decision.ts'
import { type DialInstead, type Engine, ENGINES } from './safe_search_table.ts'
import type { Subject } from './subject.ts'

export interface SafeSearch {
  /** Where to connect to instead of the host that was asked for; `null`: there. */
  readonly dial: DialInstead | null
  /** What is to be different in the request; `null`: nothing. The host is never another. */
  readonly changes: Changes | null
  /** The engine. */
  readonly category: string
}

type Level = Exclude<SafeSearchLevel, 'off'>

/** Name to engine, and whether its dial is for that name. Below a name: with a leading dot. */
const NAMES = new Map<string, { readonly engine: Engine; readonly dialled: boolean }>()
const BELOW: { readonly end: string; readonly engine: Engine }[] = []
for (const engine of ENGINES) {
  for (const host of engine.hosts) NAMES.set(host, { engine, dialled: true })
  for (const host of engine.others) {
    if (host.startsWith('.')) BELOW.push({ end: host, engine })
    else NAMES.set(host, { engine, dialled: false })
  }
}

/** What is done about a request, `null`: nothing, it is for no engine. What is stricter already stays so. */
export function safeSearch(level: SafeSearchLevel, subject: Subject): SafeSearch | null {
  if (level === 'off') return null
  const found = find(subject.host)
  if (found === null) return null
  const { engine, dialled } = found
  const dial = dialled && engine.dial !== null ? engine.dial[level] : null
  // Inside a tunnel nothing is seen.
  const changes = subject.path === '' ? null : changesOf(engine, level, subject)
  return dial === null && changes === null ? null : { dial, changes, category: engine.name }
}

function find(host: string): { readonly engine: Engine; readonly dialled: boolean } | null {
  const named = NAMES.get(host)
  if (named !== undefined) return named
  for (const { end, engine } of BELOW) if (host.endsWith(end)) return { engine, dialled: false }
  return null
}

function changesOf(engine: Engine, level: Level, subject: Subject): Changes | null {
  const { parameter, field, cookie } = engine
  let url = ''
  if (parameter !== null && parameter.paths.some((path) => isAt(subject.path, path))) {
    const enough = [parameter[level], parameter.strict]
    const query = setParameter(subject.query, parameter.name, parameter[level], enough)
    if (query !== null) url = withQuery(subject.url, query)
  }
  const set: [string, string][] = []
  if (field !== null) {
    const value = subject.field(field.name.toLowerCase())
    if (value !== field[level] && value !== field.strict) set.push([field.name, field[level]])
  }
  const cookies: [string, string][] = []
  if (cookie !== null) {
    const values = cookieValues(subject.field('cookie') ?? '', cookie.name)
    const wanted = setPart(values[0] ?? '', cookie.part, cookie[level], [cookie[level], cookie.strict])
    if (values.length !== 1 || values[0] !== wanted) cookies.push([cookie.name, wanted])
  }
  if (url === '' && set.length === 0 && cookies.length === 0) return null
  return { ...NO_CHANGES, url, keepHost: url !== '', set, cookie: cookies }
}

function isAt(path: string, place: string): boolean {
  return path === place || (place !== '/' && path.startsWith(place) && path[place.length] === '/')
}

/** The URL with another query. It has no fragment: none is ever sent. */
function withQuery(url: string, query: string): string {
  const mark = url.indexOf('?')
  const before = mark < 0 ? url : url.slice(0, mark)
  // `http://host` alone is `http://host/`; a query straight behind a host is more than many servers read.
  const bare = before.indexOf('/', before.indexOf('://') + 3) < 0
  return `${before}${bare ? '/' : ''}?${query}`
}

/**
 * A query in which the parameter is there once, with this value, at its end: an engine may believe the first or the last of
 * several. `null`: it is there once already, with one of the values that are `enough`.
 */
export function setParameter(query: string, name: string, value: string, enough: readonly string[]): string | null {
  const kept: string[] = []
  let found = 0
  let good = 0
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=')
    // Names that differ in case only are other names to most servers; no search is lost by taking them for the same.
    if (decode(equals < 0 ? pair : pair.slice(0, equals)).toLowerCase() !== name) {
      if (pair !== '') kept.push(pair)
      continue
    }
    found++
    if (equals >= 0 && pair.slice(0, equals) === name && enough.includes(pair.slice(equals + 1))) good++
  }
  if (found === 1 && good === 1) return null
  kept.push(`${name}=${value}`)
  return kept.join('&')
}

/** `%XX` as the character of that byte, "+" as a space; what is no `%XX` stays. */
function decode(text: string): string {
  let out = ''
  for (let i = 0; i < text.length; i++) {
    const high = text[i] === '%' ? HEX_VALUE[text.charCodeAt(i + 1)] ?? -1 : -1
    const low = high < 0 ? -1 : HEX_VALUE[text.charCodeAt(i + 2)] ?? -1
    if (low < 0) {
      out += text[i] === '+' ? ' ' : text[i]
      continue
    }
    out += String.fromCharCode(high * 16 + low)
    i += 2
  }
  return out
}

/** The values of a cookie in a Cookie field (RFC 6265 4.2.1): more than one where it was set for several paths. */
function cookieValues(field: string, name: string): string[] {
  const values: string[] = []
  // Several fields come joined by a comma, which no value of a cookie has.
  for (const pair of field.split(/[;,]/)) {
    const equals = pair.indexOf('=')
    if (equals < 0 || pair.slice(0, equals).replace(/^[ \t]+|[ \t]+$/g, '') !== name) continue
    values.push(pair.slice(equals + 1).replace(/^[ \t]+|[ \t]+$/g, ''))
  }
  return values
}

/** `a=1&b=2` with one part set, in its place or at the end. */
function setPart(value: string, part: string, wanted: string, enough: readonly string[]): string {
  const parts = value.split('&').filter((one) => one !== '')
  const isIt = (one: string): boolean => one === part || one.startsWith(`${part}=`)
  const place = parts.findIndex(isIt)
  const has = place < 0 ? '' : parts[place].slice(part.length + 1)
  const kept = parts.filter((one) => !isIt(one))
  kept.splice(place < 0 ? kept.length : place, 0, `${part}=${enough.includes(has) ? has : wanted}`)
  return kept.join('&')
}
