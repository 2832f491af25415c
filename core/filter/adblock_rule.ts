/**
 * A network rule of Adblock Plus, uBlock Origin and AdGuard, as far as a proxy can obey it.
 *
 *     ||ads.example^        a host and all below it          @@...           an exception
 *     |http://ads.          the beginning of the URL         $third-party    Referer is of another site
 *     /banner/*.gif|        any part, the end                $domain=a|~b    the host of Referer
 *     ^                     what no name is made of          $important      before exceptions
 *     /regex/               see posix_regex.ts               $badfilter      takes out another rule
 *
 * What goes by the type of a resource is passed over: a proxy is not told it. Without Referer no rule that needs it holds.
 */

import { Automaton } from './automaton.ts'
import { parsePosixRegex } from './posix_regex.ts'

/** Why a rule is passed over. */
export type Skipped = 'cosmetic' | 'resource types' | 'other options' | 'not understood'

/** `||name^` without a condition: by far the most, kept in sets. */
export interface DomainRule {
  readonly kind: 'domain'
  readonly name: string
  readonly exception: boolean
  readonly important: boolean
}

/** Any other rule. */
export interface PatternRule {
  readonly kind: 'pattern'
  readonly text: string
  readonly exception: boolean
  readonly important: boolean
  readonly matchCase: boolean
  /** `null`: both. */
  readonly thirdParty: boolean | null
  /** Hosts that Referer has to be of, or below, and those it must not. */
  readonly from: readonly string[]
  readonly notFrom: readonly string[]
  /** One of the two is `null`. */
  readonly regex: Automaton | null
  readonly pattern: Pattern | null
}

export interface Pattern {
  readonly start: 'host' | 'url' | 'anywhere'
  readonly atEnd: boolean
  /** What stands between stars; in it `^` is a separator. */
  readonly pieces: readonly string[]
}

/** A rule that takes out the one that is written `of`. */
export interface BadRule {
  readonly kind: 'bad'
  readonly of: string
}

export interface SkippedRule {
  readonly kind: 'skipped'
  readonly why: Skipped
}

export type AdblockRule = DomainRule | PatternRule | BadRule | SkippedRule

const COSMETIC = /#(?:@|\?|\$|%|@\?|@\$|@%|\$\?|@\$\?)?#|\$\$|\$@\$/
const NAME = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/
/** Names of options, without `~`: what kind of thing is fetched. */
const TYPES = new Set(
  ('script image stylesheet css font media object object-subrequest xmlhttprequest xhr subdocument frame websocket ping ' +
    'beacon other popup popunder webrtc inline-script inline-font genericblock generichide ghide elemhide ehide ' +
    'specifichide shide jsinject content urlblock extension').split(' '),
)
/** Those that say nothing: a proxy sees the whole. */
const IDLE = new Set(['all', 'document', 'doc', 'network', '_'])

const skipped = (why: Skipped): SkippedRule => ({ kind: 'skipped', why })

/** Where `$options` begin; -1: there are none. */
function optionsAt(text: string): number {
  const at = text.lastIndexOf('$')
  if (at < 0) return -1
  // In a regular expression "$" is its end.
  if (text.startsWith('/') && text.lastIndexOf('/') > at) return -1
  return /^[a-z0-9_~-]+(?:[,=]|$)/i.test(text.slice(at + 1)) ? at : -1
}

/** A line that is no comment. */
export function parseAdblockRule(line: string): AdblockRule {
  if (COSMETIC.test(line)) return skipped('cosmetic')
  const exception = line.startsWith('@@')
  const whole = exception ? line.slice(2) : line
  const at = optionsAt(whole)
  const body = at < 0 ? whole : whole.slice(0, at)
  let important = false
  let matchCase = false
  let thirdParty: boolean | null = null
  let from: string[] = []
  let notFrom: string[] = []
  for (const option of at < 0 ? [] : whole.slice(at + 1).split(',')) {
    const equals = option.indexOf('=')
    const name = (equals < 0 ? option : option.slice(0, equals)).toLowerCase()
    const plain = name.startsWith('~') ? name.slice(1) : name
    if (name === 'important') important = true
    else if (name === 'match-case') matchCase = true
    else if (name === 'third-party' || name === '3p' || name === '~first-party' || name === '~1p') thirdParty = true
    else if (name === 'first-party' || name === '1p' || name === '~third-party' || name === '~3p') thirdParty = false
    else if (name === 'badfilter') return { kind: 'bad', of: withoutOption(line, 'badfilter') }
    else if (name === 'domain' || name === 'from') {
      const hosts = option.slice(equals + 1).toLowerCase().split('|').filter((host) => host !== '')
      if (hosts.some((host) => host.includes('*') || host.includes('/'))) return skipped('other options')
      from = hosts.filter((host) => !host.startsWith('~'))
      notFrom = hosts.filter((host) => host.startsWith('~')).map((host) => host.slice(1))
    } else if (IDLE.has(name)) continue
    else if (TYPES.has(plain) || IDLE.has(plain)) return skipped('resource types')
    else return skipped('other options')
  }
  const conditional = thirdParty !== null || from.length > 0 || notFrom.length > 0
  if (!conditional && !matchCase && body.startsWith('||')) {
    const name = body.slice(2).replace(/\^\|?$/, '').toLowerCase()
    if (name.length < body.length - 2 && NAME.test(name)) return { kind: 'domain', name, exception, important }
  }
  const rest = { kind: 'pattern', text: line, exception, important, matchCase, thirdParty, from, notFrom } as const
  if (body.length > 2 && body.startsWith('/') && body.endsWith('/')) {
    const source = body.slice(1, -1)
    const tree = parsePosixRegex(source, !matchCase)
    if (typeof tree === 'string') return skipped('not understood')
    const regex = new Automaton()
    regex.add(tree)
    return { ...rest, regex, pattern: null }
  }
  const pattern = parsePattern(matchCase ? body : body.toLowerCase())
  // Everything on the web, by mistake or a line cut off: only where a condition limits it.
  if (pattern === null || (pattern.pieces.every((piece) => piece.length < 2) && !conditional)) {
    return skipped('not understood')
  }
  return { ...rest, regex: null, pattern }
}

function withoutOption(line: string, option: string): string {
  const at = line.lastIndexOf('$')
  const others = line.slice(at + 1).split(',').filter((each) => each !== option)
  return others.length === 0 ? line.slice(0, at) : `${line.slice(0, at)}$${others.join(',')}`
}

function parsePattern(text: string): Pattern | null {
  let body = text
  let start: Pattern['start'] = 'anywhere'
  if (body.startsWith('||')) {
    start = 'host'
    body = body.slice(2)
  } else if (body.startsWith('|')) {
    start = 'url'
    body = body.slice(1)
  }
  const atEnd = body.endsWith('|')
  if (atEnd) body = body.slice(0, -1)
  if (/[\s|]/.test(body)) return null
  if (body.startsWith('*')) start = 'anywhere'
  const pieces = body.split('*')
  const closed = atEnd && !body.endsWith('*')
  return { start, atEnd: closed, pieces: pieces.filter((piece) => piece !== '') }
}

/** What `^` stands for: anything but a letter, a digit, and `_ - . %`; the end of the URL too. */
function isSeparator(code: number): boolean {
  return !((code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || (code >= 0x30 && code <= 0x39) ||
    code === 0x5f || code === 0x2d || code === 0x2e || code === 0x25 || code > 0x7f)
}

/** Where `piece` ends when it stands at `at` of `url`; -1: it does not. */
function fits(piece: string, url: string, at: number): number {
  for (let i = 0; i < piece.length; i++) {
    const code = url.charCodeAt(at + i)
    if (piece[i] === '^') {
      if (at + i === url.length) return i === piece.length - 1 ? at + i : -1
      if (!isSeparator(code)) return -1
    } else if (piece.charCodeAt(i) !== code) return -1
  }
  return at + piece.length
}

/** Whether a URL (its host from `host` to `hostEnd`) fits. Takes no longer than URL times pattern. */
export function patternMatches({ start, atEnd, pieces }: Pattern, url: string, host: number, hostEnd: number): boolean {
  if (pieces.length === 0) return true
  if (start === 'url') return follows(pieces, atEnd, url, 0)
  if (start === 'anywhere') {
    return pieces.length === 1 && !atEnd && !pieces[0].includes('^')
      ? url.includes(pieces[0])
      : wanders(pieces, 0, atEnd, url, 0)
  }
  for (let at = host; at >= 0 && at < hostEnd;) {
    if (follows(pieces, atEnd, url, at)) return true
    const dot = url.indexOf('.', at)
    at = dot < 0 || dot >= hostEnd ? -1 : dot + 1
  }
  return false
}

/** The first piece at `at`, the others anywhere behind it. */
function follows(pieces: readonly string[], atEnd: boolean, url: string, at: number): boolean {
  const end = fits(pieces[0], url, at)
  if (end < 0) return false
  if (pieces.length === 1) return !atEnd || end === url.length
  return wanders(pieces, 1, atEnd, url, end)
}

/** The pieces from number `first` on anywhere behind `from`, one behind the other: the earliest place of each is the best. */
function wanders(pieces: readonly string[], first: number, atEnd: boolean, url: string, from: number): boolean {
  let at = from
  const last = pieces.length - 1
  for (let i = first; i <= last; i++) {
    const piece = pieces[i]
    if (i === last && atEnd) {
      // A separator at the end may be the end itself.
      for (let place = Math.max(at, url.length - piece.length); place <= url.length; place++) {
        if (fits(piece, url, place) === url.length) return true
      }
      return false
    }
    let end = -1
    for (; at <= url.length && end < 0; at++) end = fits(piece, url, at)
    if (end < 0) return false
    at = end
  }
  return true
}
