/** Adblock-style network rules: which of them decides about a request. */

import { type AdblockRule, parseAdblockRule, patternMatches, type PatternRule, type Skipped } from './adblock_rule.ts'
import { Names } from './domain_part.ts'
import { type ListPart, textOf } from './list_part.ts'
import type { Subject } from './subject.ts'

/** Who wins: an odd rank is found, an even one is an exception. */
const BLOCK = 1
const RANKS = 4
const rankOf = (rule: { readonly exception: boolean; readonly important: boolean }): number =>
  BLOCK + (rule.exception ? 1 : 0) + (rule.important ? 2 : 0)

/** A word of a URL: letters, digits and `%`. */
const TOKEN = /[a-z0-9%]{3,}/g
/** Bytes that a rule takes beside its text, about. */
const RULE_SIZE = 400
/** Second-level names of countries under which people have their domains. */
const SECOND_LEVEL = /^(?:co|com|net|org|gov|edu|ac|or|ne|go|gob|ltd|plc|mil|sch|nom|id|in|me)$/

const encoder = new TextEncoder()

/** The domain someone has, about: two labels, or three where the second is one that many share. */
function site(host: string): string {
  const labels = host.split('.')
  const shared = labels.length > 2 && labels[labels.length - 1].length === 2 &&
    SECOND_LEVEL.test(labels[labels.length - 2])
  return labels.slice(shared ? -3 : -2).join('.')
}

const isBelow = (host: string, domain: string): boolean =>
  host === domain || (host.endsWith(domain) && host[host.length - domain.length - 1] === '.')

/** The host of a Referer; empty: there is none. */
function refererHost(referer: string | null): string {
  const found = referer === null ? null : /^https?:\/\/(?:[^/?#@]*@)?([^/?#:]+|\[[^\]]*\])/i.exec(referer)
  return found === null ? '' : found[1].toLowerCase()
}

/** The longest word that every URL that fits has as a whole word; empty: there is none. */
function tokenOf({ pattern, matchCase }: PatternRule): string {
  if (pattern === null) return ''
  let longest = ''
  pattern.pieces.forEach((piece, number) => {
    const text = matchCase ? piece.toLowerCase() : piece
    for (const { 0: token, index } of text.matchAll(TOKEN)) {
      const end = index + token.length
      const open = index === 0 && (number > 0 || pattern.start === 'anywhere')
      const unfinished = end === piece.length && !(number === pattern.pieces.length - 1 && pattern.atEnd)
      if (!open && !unfinished && token.length > longest.length) longest = token
    }
  })
  return longest
}

export class AdblockPart implements ListPart {
  readonly byAddress = false
  /** By rank, from 1. */
  readonly #names: readonly Names[]
  readonly #byToken = new Map<string, PatternRule[]>()
  readonly #anywhere: PatternRule[] = []
  readonly #bad = new Set<string>()
  readonly #skipped = new Map<Skipped, number>()
  #patterns = 0
  #memory = 0
  entry = ''

  constructor(expected: number) {
    // Nearly all names are blocked ones.
    this.#names = Array.from({ length: RANKS }, (_, i) => new Names(i === 0 ? expected : expected / 16, false, true))
  }

  count(bytes: Uint8Array, start: number, end: number): string {
    const rule = this.#parse(bytes, start, end)
    if (rule === null) return ''
    switch (rule.kind) {
      case 'domain': {
        const name = encoder.encode(rule.name)
        if (!this.#names[rankOf(rule) - 1].count(name, 0, name.length)) this.#skip('not understood')
        break
      }
      case 'bad':
        this.#bad.add(rule.of)
        break
      case 'skipped':
        this.#skip(rule.why)
        break
      case 'pattern':
        break
    }
    return ''
  }

  turn(): void {
    for (const names of this.#names) names.turn()
  }

  put(bytes: Uint8Array, start: number, end: number): void {
    const rule = this.#parse(bytes, start, end)
    if (rule === null || (this.#bad.size > 0 && this.#bad.has(textOf(bytes, start, end)))) return
    if (rule.kind === 'domain') {
      const name = encoder.encode(rule.name)
      this.#names[rankOf(rule) - 1].put(name, 0, name.length, 0)
    } else if (rule.kind === 'pattern') this.#add(rule)
  }

  find(subject: Subject): number {
    const { host, scheme, port, path, query } = subject
    let rank = 0
    for (let each = 1; each <= RANKS; each++) {
      const names = this.#names[each - 1]
      if (names.entries === 0 || names.find(host) < 0) continue
      rank = each
      this.entry = `${each % 2 === 0 ? '@@' : ''}||${names.entry}^`
    }
    if (this.#patterns > 0) rank = this.#findPattern(subject, urlOf(scheme, host, port, path, query), rank)
    return rank % 2 === 1 ? 0 : -1
  }

  /** How many rules were passed over, and why: a line, or none. */
  skipped(): string[] {
    let sum = 0
    const reasons: string[] = []
    for (const [why, count] of this.#skipped) {
      sum += count
      reasons.push(`${count} ${why}`)
    }
    return sum === 0 ? [] : [`${sum} rules that a proxy cannot obey were skipped: ${reasons.join(', ')}`]
  }

  get entries(): number {
    return this.#names.reduce((sum, names) => sum + names.entries, this.#patterns)
  }

  get memory(): number {
    return this.#names.reduce((sum, names) => sum + names.memory, this.#memory)
  }

  release(): void {
    for (const names of this.#names) names.release()
    this.#byToken.clear()
    this.#anywhere.length = 0
    this.#patterns = 0
  }

  #parse(bytes: Uint8Array, start: number, end: number): AdblockRule | null {
    const text = textOf(bytes, start, end)
    // `[Adblock Plus 2.0]`
    return text.startsWith('[') && text.endsWith(']') ? null : parseAdblockRule(text)
  }

  #skip(why: Skipped): void {
    this.#skipped.set(why, (this.#skipped.get(why) ?? 0) + 1)
  }

  #add(rule: PatternRule): void {
    this.#patterns++
    this.#memory += RULE_SIZE + rule.text.length
    const token = tokenOf(rule)
    if (token === '') {
      this.#anywhere.push(rule)
      return
    }
    const others = this.#byToken.get(token)
    if (others === undefined) this.#byToken.set(token, [rule])
    else others.push(rule)
  }

  #findPattern(subject: Subject, url: string, least: number): number {
    const lower = url.toLowerCase()
    const request: Tried = {
      url,
      lower,
      host: url.indexOf('//') + 2,
      hostSize: subject.host.length,
      subject,
      from: null,
    }
    let rank = this.#best(this.#anywhere, request, least)
    for (const [token] of lower.matchAll(TOKEN)) {
      const rules = this.#byToken.get(token)
      if (rules !== undefined) rank = this.#best(rules, request, rank)
    }
    return rank
  }

  #best(rules: readonly PatternRule[], request: Tried, least: number): number {
    let rank = least
    for (const rule of rules) {
      if (rankOf(rule) <= rank || !holds(rule, request)) continue
      rank = rankOf(rule)
      this.entry = rule.text
    }
    return rank
  }
}

interface Tried {
  readonly url: string
  readonly lower: string
  /** Where the host begins, and its size. */
  readonly host: number
  readonly hostSize: number
  readonly subject: Subject
  /** The host of Referer, once it was asked for. */
  from: string | null
}

function holds(rule: PatternRule, request: Tried): boolean {
  const { host, hostSize, subject } = request
  const url = rule.matchCase ? request.url : request.lower
  if (rule.pattern !== null && !patternMatches(rule.pattern, url, host, host + hostSize)) return false
  if (rule.regex !== null && rule.regex.find(url) < 0) return false
  if (rule.thirdParty === null && rule.from.length === 0 && rule.notFrom.length === 0) return true
  const from = (request.from ??= refererHost(subject.field('referer')))
  if (rule.thirdParty !== null && (from === '' || (site(from) !== site(subject.host)) !== rule.thirdParty)) return false
  if (rule.notFrom.some((domain) => isBelow(from, domain))) return false
  return rule.from.length === 0 || rule.from.some((domain) => isBelow(from, domain))
}

/** What rules are tried on. CONNECT has no more than a host. */
function urlOf(scheme: string, host: string, port: number, path: string, query: string): string {
  const name = host.includes(':') ? `[${host}]` : host
  const shown = scheme === '' ? (port === 80 ? 'http' : 'https') : scheme
  const usual = port === (shown === 'http' ? 80 : 443)
  return `${shown}://${name}${usual ? '' : `:${port}`}${path === '' ? '/' : path}${query === '' ? '' : `?${query}`}`
}
