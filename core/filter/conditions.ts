/** The conditions of a rule, compiled: each says of a request yes, no, or that the address of the destination is needed. */

import type { PortRange, RuleConditions } from '../config/settings.ts'
import type { Expression, ParsedExpression } from './expression.ts'
import { HostSet, parseHost } from './host_patterns.ts'
import type { Lists } from './lists.ts'
import { NetworkSet } from './networks.ts'
import type { Subject } from './subject.ts'
import { parsePath, parseQuery, parseUser, parseValue } from './text_patterns.ts'
import { inWindows, minuteOfWeek, parseTime } from './times.ts'

export const NO = 0
export const YES = 1
/** It depends on the addresses of the destination, and they are not known. */
export const UNKNOWN = 2
export type Truth = typeof NO | typeof YES | typeof UNKNOWN

const truth = (holds: boolean): Truth => holds ? YES : NO

/** A request under judgement, with what is found out about it on the way. One object is used again and again. */
export interface Asked {
  subject: Subject
  /** The category of a list that it was found in, or where there are none the list; empty: it was not. */
  category: string
}

export interface Condition {
  /** As in the configuration. */
  readonly name: string
  /** What is asked for, in the words of the configuration. */
  readonly wanted: string
  /** Of `not`, `any` and `all`: what they are about. */
  readonly parts: readonly Condition[]
  holds(asked: Asked): Truth
  /** What the request has there, for a person. */
  found(asked: Asked): string
}

type Texts = readonly string[]

/** What is wrong here has been refused by the schema: going on without a rule would be worse than stopping. */
function refuse(text: string, error: string): never {
  throw new TypeError(`Cannot read ${JSON.stringify(text)}: it ${error}`)
}

function compile(texts: Texts, parse: (text: string) => ParsedExpression): Expression[] {
  return texts.map((text) => {
    const parsed = parse(text)
    return 'error' in parsed ? refuse(text, parsed.error) : parsed.expression
  })
}

function anyOf(expressions: readonly Expression[], text: string): boolean {
  for (let i = 0; i < expressions.length; i++) if (expressions[i](text)) return true
  return false
}

export function hostSet(texts: Texts): HostSet {
  return new HostSet(texts.map((text) => {
    const parsed = parseHost(text)
    return 'error' in parsed ? refuse(text, parsed.error) : parsed.pattern
  }))
}

const said = (texts: Texts): string => texts.map((text) => JSON.stringify(text)).join(', ')

function condition(
  name: string,
  wanted: string,
  holds: (asked: Asked) => Truth,
  found: (subject: Subject) => string,
): Condition {
  return { name, wanted, parts: [], holds, found: ({ subject }) => found(subject) }
}

/** One of a few words: which is asked by an address, a method, a scheme, a listener. */
function oneOf(name: string, texts: Texts, of: (subject: Subject) => string): Condition {
  const set = new Set(texts)
  return condition(name, said(texts), ({ subject }) => truth(set.has(of(subject))), (subject) => show(of(subject)))
}

function show(text: string): string {
  return text === '' ? 'none' : text
}

function hosts(texts: Texts): Condition {
  const set = hostSet(texts)
  return condition('host', said(texts), ({ subject }) => truth(set.matches(subject.host)), ({ host }) => show(host))
}

function clients(texts: Texts): Condition {
  const set = new NetworkSet(texts)
  return condition(
    'client',
    said(texts),
    ({ subject }) => truth(set.matches(subject.client)),
    ({ client }) => show(client),
  )
}

function users(texts: Texts): Condition {
  const expressions = compile(texts, parseUser)
  const holds = ({ subject }: Asked) => truth(subject.user !== '' && anyOf(expressions, subject.user))
  return condition('user', said(texts), holds, ({ user }) => show(user))
}

function ports(ranges: readonly PortRange[]): Condition {
  const wanted = ranges.map(({ first, last }) => first === last ? String(first) : `${first}-${last}`).join(', ')
  const holds = ({ subject: { port } }: Asked) => {
    for (let i = 0; i < ranges.length; i++) if (port >= ranges[i].first && port <= ranges[i].last) return YES
    return NO
  }
  return condition('port', wanted, holds, ({ port }) => String(port))
}

/** CONNECT has no path: no pattern is about it. */
function paths(texts: Texts): Condition {
  const expressions = compile(texts, parsePath)
  const holds = ({ subject: { path } }: Asked) => truth(path !== '' && anyOf(expressions, path))
  return condition('path', said(texts), holds, ({ path }) => show(path))
}

function queries(texts: Texts): Condition {
  const expressions = compile(texts, parseQuery)
  const holds = ({ subject: { query } }: Asked) => truth(query !== '' && anyOf(expressions, query))
  return condition('query', said(texts), holds, ({ query }) => show(query))
}

function header(name: string, texts: Texts): Condition {
  const expressions = compile(texts, parseValue)
  const lower = name.toLowerCase()
  const holds = ({ subject }: Asked) => {
    const value = subject.field(lower)
    return truth(value !== null && anyOf(expressions, value))
  }
  const wanted = texts.every((text) => text === '') ? 'there' : said(texts)
  return condition(`header ${name}`, wanted, holds, (subject) => {
    const value = subject.field(lower)
    return value === null ? 'none' : JSON.stringify(value)
  })
}

function inLists(names: Texts, lists: Lists): Condition {
  const holds = (asked: Asked) => {
    let truth: Truth = NO
    for (let i = 0; i < names.length; i++) {
      const list = lists.find(names[i])
      const found = list === null ? null : list.matches(asked.subject)
      if (found === null) {
        if (asked.subject.addresses === null && list !== null && list.byAddress === true) truth = UNKNOWN
        continue
      }
      asked.category = list!.byCategory === true ? found : names[i]
      return YES
    }
    return truth
  }
  const found = ({ subject }: Asked) => {
    const missing = names.filter((name) => lists.find(name) === null)
    for (const name of names) {
      const by = lists.find(name)?.matches(subject) ?? null
      if (by !== null) return `in ${name}, by ${by}`
    }
    return missing.length === 0 ? 'in none of them' : `in none of them (${missing.join(', ')} not loaded)`
  }
  return { name: 'list', wanted: said(names), parts: [], holds, found }
}

function times(texts: Texts): Condition {
  const windows = texts.flatMap((text) => {
    const parsed = parseTime(text)
    return 'error' in parsed ? refuse(text, parsed.error) : parsed.windows
  })
  const holds = ({ subject }: Asked) => truth(inWindows(windows, minuteOfWeek(subject.date, subject.zone)))
  return condition('time', said(texts), holds, ({ date, zone }) => clock(minuteOfWeek(date, zone)))
}

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

function clock(minute: number): string {
  const two = (number: number) => String(number).padStart(2, '0')
  return `${DAYS[Math.floor(minute / 1440)]} ${two(Math.floor(minute / 60) % 24)}:${two(minute % 60)}`
}

function addresses(texts: Texts): Condition {
  const set = new NetworkSet(texts)
  const holds = ({ subject }: Asked): Truth => {
    const { addresses } = subject
    if (addresses === null) return UNKNOWN
    for (let i = 0; i < addresses.length; i++) if (set.matches(addresses[i])) return YES
    return NO
  }
  return condition('address', said(texts), holds, ({ addresses }) => {
    return addresses === null ? 'not looked up' : show(addresses.join(', '))
  })
}

/** Of the three about TLS: they say nothing where no ClientHello was looked at. */
function inTls(
  name: string,
  wanted: string,
  holds: (subject: Subject) => boolean,
  found: (subject: Subject) => string,
) {
  return condition(
    name,
    wanted,
    ({ subject }) => truth(subject.tls !== null && holds(subject)),
    (subject) => subject.tls === null ? 'not looked at' : found(subject),
  )
}

function serverNames(texts: Texts): Condition {
  const set = hostSet(texts)
  return inTls('sni', said(texts), ({ tls }) => set.matches(tls!.sni), ({ tls }) => show(tls!.sni))
}

const names = ({ host, tls }: Subject): boolean => tls!.sni !== '' && tls!.sni !== host

function flag(name: string, wanted: boolean, of: (subject: Subject) => boolean): Condition {
  return inTls(name, String(wanted), (subject) => of(subject) === wanted, (subject) => String(of(subject)))
}

/** All of them hold. */
export function allHold(conditions: readonly Condition[], asked: Asked): Truth {
  let all: Truth = YES
  for (let i = 0; i < conditions.length; i++) {
    const holds = conditions[i].holds(asked)
    if (holds === NO) return NO
    if (holds === UNKNOWN) all = UNKNOWN
  }
  return all
}

const nothing = (): string => ''

function not(conditions: RuleConditions, lists: Lists): Condition {
  const parts = compileConditions(conditions, lists)
  const tls = asksTls(conditions)
  const holds = (asked: Asked): Truth => {
    // Nothing is said about what was not looked at: else all is refused but a server name before there can be one.
    if (tls && asked.subject.tls === null) return NO
    const { category } = asked
    const holds = allHold(parts, asked)
    // Where it was found is of no matter when the rule is about what is not found.
    asked.category = category
    return holds === UNKNOWN ? UNKNOWN : holds === YES ? NO : YES
  }
  return { name: 'not', wanted: '', parts, holds, found: nothing }
}

function group(name: 'any' | 'all', groups: readonly RuleConditions[], lists: Lists): Condition {
  const parts = groups.map((one, i): Condition => {
    const inner = compileConditions(one, lists)
    return {
      name: `${name}[${i + 1}]`,
      wanted: '',
      parts: inner,
      holds: (asked) => allHold(inner, asked),
      found: nothing,
    }
  })
  const holds = name === 'all' ? (asked: Asked) => allHold(parts, asked) : (asked: Asked): Truth => {
    let any: Truth = NO
    for (let i = 0; i < parts.length; i++) {
      const holds = parts[i].holds(asked)
      if (holds === YES) return YES
      if (holds === UNKNOWN) any = UNKNOWN
    }
    return any
  }
  return { name, wanted: '', parts, holds, found: nothing }
}

/**
 * What has to hold, all of it: what costs least first, lists and addresses last.
 * @throws TypeError for what cannot be read
 */
export function compileConditions(of: RuleConditions, lists: Lists): Condition[] {
  const made: Condition[] = []
  if (of.listener !== undefined) made.push(oneOf('listener', of.listener, ({ listener }) => listener))
  if (of.method !== undefined) made.push(oneOf('method', of.method, ({ method }) => method))
  if (of.scheme !== undefined) made.push(oneOf('scheme', of.scheme, ({ scheme }) => scheme))
  if (of.port !== undefined) made.push(ports(of.port))
  if (of.host !== undefined) made.push(hosts(of.host))
  if (of.user !== undefined) made.push(users(of.user))
  if (of.client !== undefined) made.push(clients(of.client))
  if (of.time !== undefined) made.push(times(of.time))
  if (of.tls !== undefined) made.push(flag('tls', of.tls, ({ tls }) => tls!.tls))
  if (of.ech !== undefined) made.push(flag('ech', of.ech, ({ tls }) => tls!.ech))
  if (of.sni_mismatch !== undefined) made.push(flag('sni_mismatch', of.sni_mismatch, names))
  if (of.sni !== undefined) made.push(serverNames(of.sni))
  if (of.path !== undefined) made.push(paths(of.path))
  if (of.query !== undefined) made.push(queries(of.query))
  for (const [name, texts] of Object.entries(of.header ?? {})) made.push(header(name, texts))
  if (of.list !== undefined) made.push(inLists(of.list, lists))
  if (of.not !== undefined) made.push(not(of.not, lists))
  if (of.all !== undefined) made.push(group('all', of.all, lists))
  if (of.any !== undefined) made.push(group('any', of.any, lists))
  if (of.address !== undefined) made.push(addresses(of.address))
  return made
}

/** Whether any of them asks for what TLS says inside a tunnel. */
export function asksTls(of: RuleConditions): boolean {
  if ([of.sni, of.tls, of.ech, of.sni_mismatch].some((condition) => condition !== undefined)) return true
  const inner = [...(of.not === undefined ? [] : [of.not]), ...(of.any ?? []), ...(of.all ?? [])]
  return inner.some(asksTls)
}
