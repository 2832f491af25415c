/** `exaproxy rules`: which rule would decide about a request, and why. */

import { canonical, family, splitHostPort } from '../bytes/address.ts'
import { toBytes } from '../bytes/ascii.ts'
import { policyHost } from '../bytes/host.ts'
import type { Configuration } from '../config/load.ts'
import type { ListenerSettings, RuleSettings, Settings } from '../config/settings.ts'
import { didYouMean } from '../config/suggest.ts'
import { Failure } from '../failure.ts'
import { ListFailure, loadList } from '../flow/lists.ts'
import { NO, UNKNOWN, YES } from '../filter/conditions.ts'
import type { Decision } from '../filter/decision.ts'
import { type Explained, Explainer, type Reason } from '../filter/explain.ts'
import type { List, Lists } from '../filter/lists.ts'
import { readHead } from '../http/change.ts'
import { newTarget, parseTarget } from '../http/target.ts'
import { Petition } from '../proxy/petition.ts'
import { looksAtDestination } from '../proxy/rule_book.ts'
import type { Runtime } from '../runtime.ts'
import { readTime, timeText } from './wall_time.ts'

/** The command line is wrong. */
export class RulesUsage extends Error {}

/** A list cannot be read. */
export class RulesFailure extends Error {
  readonly denied: boolean

  constructor(words: string, denied: boolean) {
    super(words)
    this.denied = denied
  }
}

/** What is asked about. Empty: not said. */
export interface Question {
  readonly url: string
  readonly client: string
  readonly user: string
  readonly method: string
  readonly listener: string
  readonly time: string
  readonly sni: string
  readonly ech: boolean
  readonly headers: readonly string[]
  readonly addresses: readonly string[]
}

type Loaded = Configuration & { readonly settings: Settings }

/** Rewrites that are followed: each rule rewrites once, so that there is an end; this many are enough to see. */
const ROUNDS = 10

const said = (value: string): string => JSON.stringify(value)

/** A rule by its place and its name. */
function title(rule: RuleSettings, index: number): string {
  return rule.name === '' ? `rule ${index + 1}` : `rule ${index + 1} ${said(rule.name)}`
}

/** One line a rule: its number, its name, what it does, where it stands. */
export function listRules({ settings, origins }: Loaded): string {
  if (settings.rule.length === 0) return 'There are no rules.\n'
  const rows = settings.rule.map((rule, i) => {
    const what = `${rule.do}${rule.to === '' ? '' : ` ${rule.to}`}${rule.report_only ? ' (report only)' : ''}`
    return [String(i + 1), rule.name, what, origins.get(`rule.${i + 1}`)?.where ?? '']
  })
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) => `${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}\n`).join('')
}

/** Characters that no request has are percent-encoded, as a browser would; a name is written as it is looked up. */
function targetOf(url: string): { readonly target: string; readonly authority: string } {
  const match = /^([a-z]+:\/\/)?([^/?#]+)([^#]*)/i.exec(url)
  if (match === null) throw new RulesUsage(`${said(url)} is not a URL`)
  const [, scheme = '', written = '', rest = ''] = match
  const split = /^[\x21-\x7e]*$/.test(written) ? null : splitHostPort(written, 0)
  const host = split === null ? null : policyHost(split.host)
  const authority = host === null ? written : host + (split!.port === 0 ? '' : `:${split!.port}`)
  const path = rest.replace(/[^\x21-\x7e]+/g, (run) => encodeURIComponent(run.toWellFormed()))
  return { target: scheme + authority + path, authority }
}

interface Asked {
  readonly method: string
  readonly target: string
  readonly authority: string
  /** Why the request is another than it looks. */
  readonly note: string
}

/** The request that a client makes for this URL. */
function requestOf({ url, method }: Question): Asked {
  const { target, authority } = targetOf(url)
  const scheme = /^([a-z]+):\/\//i.exec(target)?.[1]?.toLowerCase() ?? ''
  if (scheme === 'https' && (method === '' || method === 'CONNECT')) {
    const place = splitHostPort(authority, 443)
    if (place === null) throw new RulesUsage(`${said(url)} has no host`)
    const connect = `${place.host.includes(':') ? `[${place.host}]` : place.host}:${place.port}`
    const note = 'a client asks for a tunnel to fetch this; what goes on inside is not seen'
    return { method: 'CONNECT', target: connect, authority: connect, note }
  }
  if (scheme === '' && (method === 'CONNECT' || (method === '' && /^[^/?]+:[0-9]+$/.test(target)))) {
    return { method: 'CONNECT', target: authority, authority, note: '' }
  }
  return {
    method: method === '' ? 'GET' : method,
    target: scheme === '' ? `http://${target}` : target,
    authority,
    note: '',
  }
}

function headText({ method, target, authority }: Asked, headers: readonly string[]): string {
  const fields = headers.map((header) => {
    const colon = header.indexOf(':')
    if (colon < 1) throw new RulesUsage(`--header ${said(header)}: write it as "Name: value"`)
    return `${header.slice(0, colon)}: ${header.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')}\r\n`
  })
  const host = headers.some((header) => /^host:/i.test(header)) ? '' : `Host: ${authority}\r\n`
  return `${method} ${target} HTTP/1.1\r\n${host}${fields.join('')}\r\n`
}

function listenerOf({ listener }: Settings, name: string): ListenerSettings {
  const found = name === '' ? listener[0] : listener.find((one) => one.name === name)
  if (found !== undefined) return found
  const names = listener.map((one) => one.name)
  throw new RulesUsage(
    `there is no listener ${said(name)}${didYouMean(name, names) || `; there are ${names.join(', ')}`}`,
  )
}

function addressOf(option: string, text: string): string {
  if (family(text) === null) throw new RulesUsage(`--${option} ${said(text)} is not an IP address`)
  return canonical(text)
}

/** @throws RulesUsage */
function petitionOf(runtime: Runtime, question: Question, asked: Asked, listener: ListenerSettings): Petition {
  const date = question.time === '' ? runtime.clock.date() : readTime(runtime.clock, question.time)
  if (date === null) throw new RulesUsage(`--time ${said(question.time)}: write it as "2026-11-25 09:00" or "09:00"`)
  const who = {
    listener: listener.name,
    client: addressOf('client', question.client === '' ? '127.0.0.1' : question.client),
    user: question.user,
    local: '',
    localPort: 0,
    date,
    zone: runtime.clock.zone(date),
    // Only who has looked inside of TLS asks so.
    secure: listener.mode === 'icap' || listener.mode === 'reverse',
  }
  let petition: Petition
  try {
    const { head } = readHead(toBytes(headText(asked, question.headers)))
    petition = new Petition(who, head, parseTarget(head, newTarget(), who.secure))
  } catch (error) {
    if (error instanceof RangeError) throw new RulesUsage('the request holds characters that no request has')
    if (!(error instanceof Failure)) throw error
    throw new RulesUsage(`no request is made of that: ${error.message}`)
  }
  if (question.addresses.length > 0) petition.addresses = question.addresses.map((one) => addressOf('address', one))
  else if (family(petition.host) !== null) petition.addresses = [petition.host]
  if (question.sni !== '' || question.ech) {
    if (asked.method !== 'CONNECT') {
      throw new RulesUsage('--sni and --ech are of what is inside a tunnel: ask for CONNECT')
    }
    const sni = question.sni === '' ? '' : policyHost(question.sni)
    if (sni === null) throw new RulesUsage(`--sni ${said(question.sni)} is not a name`)
    petition.tls = { tls: true, sni, ech: question.ech }
  }
  return petition
}

/** Those that rules ask for. @throws RulesFailure */
async function listsOf(runtime: Runtime, settings: Settings, warn: (words: string) => Promise<void>): Promise<Lists> {
  const lists = new Map<string, List>()
  for (const one of settings.list) {
    try {
      const { list, problems } = await loadList(runtime, one)
      lists.set(one.name, list)
      for (const problem of problems) await warn(`list.${one.name}: ${problem}`)
    } catch (error) {
      if (!(error instanceof ListFailure)) throw error
      throw new RulesFailure(`list.${one.name}: ${error.message}`, error.code === 'denied')
    }
  }
  return { find: (name) => lists.get(name) ?? null }
}

const SIGN = { [YES]: '+', [NO]: '-', [UNKNOWN]: '?' } as const
const WORDS = { [YES]: 'holds', [NO]: 'does not hold', [UNKNOWN]: 'depends on the address of the destination' } as const

function reasonLines({ name, wanted, found, truth, parts }: Reason, depth: number): string[] {
  const what = wanted === '' ? name : `${name} ${wanted}`
  const lines = [`${'  '.repeat(depth)}${SIGN[truth]} ${what}${found === '' ? '' : `: ${found}`}`]
  return [...lines, ...parts.flatMap((part) => reasonLines(part, depth + 1))]
}

/** What a decision does, in a line. */
export function decisionText(decision: Decision, { file }: RuleSettings): string {
  switch (decision.kind) {
    case 'permit':
      return decision.final ? 'permit, and ask nobody else' : 'permit'
    case 'rewrite':
      return `rewrite${decision.changes.url === '' ? '' : ` to ${decision.changes.url}`}`
    case 'redirect':
      return `redirect (${decision.status}) to ${decision.location}`
    case 'deny':
      return `deny (${decision.status})`
    case 'respond':
      return `respond (${decision.status}) with ${file === '' ? 'a text' : file} as ${decision.type}`
    case 'intercept':
      return `intercept: connect to ${decision.host}:${decision.port}`
    case 'close':
      return 'close the connection'
  }
}

function changeLines(decision: Decision): string[] {
  if (decision.kind !== 'rewrite') return []
  const { set, append, remove, cookie } = decision.changes
  return [
    ...set.map(([name, value]) => `  set ${name}: ${value}`),
    ...append.map(([name, value]) => `  append ${name}: ${value}`),
    ...remove.map((name) => `  remove ${name}`),
    ...cookie.map(([name, value]) => value === null ? `  remove cookie ${name}` : `  cookie ${name}=${value}`),
  ]
}

function explainedLines({ index, rule, reasons, truth, decision }: Explained, where: string): string[] {
  const lines = [`${title(rule, index)} ${WORDS[truth]}${where === '' ? '' : `  # ${where}`}`]
  lines.push(...reasons.flatMap((one) => reasonLines(one, 1)))
  if (reasons.length === 0) lines.push('  (no conditions)')
  if (truth === YES && rule.report_only) lines.push(`  would ${decisionText(decision!, rule)}, but only reports`)
  return lines
}

function deciding(explained: Explained, host: string): string[] {
  const { index, rule, truth, decision } = explained
  if (truth === UNKNOWN) {
    return [`${title(rule, index)} may decide: it needs the address of ${host}; say it with --address`]
  }
  const lines = [`${title(rule, index)} decides: ${decisionText(decision!, rule)}`, ...changeLines(decision!)]
  if (decision!.reason !== '') lines.push(`  reason: ${decision!.reason}`)
  if (decision!.category !== '') lines.push(`  category: ${decision!.category}`)
  if (rule.safe_search !== '') lines.push(`  safe search: ${rule.safe_search}`)
  if (rule.parent !== '') lines.push(`  parent: ${rule.parent}${rule.or_direct ? ', or directly' : ''}`)
  return lines
}

/** The rest of the chain. */
function chainLines({ filter, name }: ListenerSettings, settings: Settings): string[] {
  if (filter.length === 0) return [`listener ${name} asks nobody (listener.${name}.filter is empty)`]
  const words = filter.map((member) => {
    if (member === 'rules') return 'rules'
    const kind = settings.helper.some((helper) => helper.name === member) ? 'helper' : 'icap'
    return `${kind}.${member} (asked at run time)`
  })
  const lines = [`listener ${name} asks: ${words.join(', ')}`]
  if (!filter.includes('rules')) {
    lines.push(`listener ${name} does not ask the rules: what follows is what they would say`)
  }
  return lines
}

/**
 * Say which rule would decide, rule by rule and condition by condition.
 * @throws RulesUsage, RulesFailure
 */
export async function testRules(
  runtime: Runtime,
  { settings, origins }: Loaded,
  question: Question,
  warn: (words: string) => Promise<void>,
): Promise<string> {
  const listener = listenerOf(settings, question.listener)
  const asked = requestOf(question)
  const petition = petitionOf(runtime, question, asked, listener)
  const explainer = new Explainer(settings.rule, await listsOf(runtime, settings, warn))
  const lines = [`${petition.method} ${petition.url}`]
  if (asked.note !== '') lines.push(`(${asked.note})`)
  const user = petition.user === '' ? '' : ` (${petition.user})`
  lines.push(`from ${petition.client}${user} at ${timeText(petition.date, petition.zone)}`)
  lines.push(...chainLines(listener, settings))
  const elsewhere = settings.rule.map((_, i) => i).filter((i) => !looksAtDestination(settings.rule[i]!))
  let skip: ReadonlySet<number> = new Set()
  for (let round = 0; round < ROUNDS; round++) {
    const told = explainer.explain(petition, skip)
    for (const one of told) lines.push('', ...explainedLines(one, origins.get(`rule.${one.index + 1}`)?.where ?? ''))
    const last = told.at(-1)
    const open = last === undefined || last.truth === NO || (last.truth === YES && last.rule.report_only)
    lines.push('')
    if (open) {
      lines.push(settings.rule.length === 0 ? 'there are no rules: permit' : 'no rule decides: permit')
      break
    }
    lines.push(...deciding(last, petition.host))
    const { decision } = last
    if (decision === null || decision.kind !== 'rewrite') break
    const before = petition.url
    try {
      petition.change(decision.changes)
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      lines.push(`  what it makes of the request is none: ${error.message}`)
      break
    }
    if (petition.url === before) break
    // As the chain does: whoever has sent it elsewhere is not asked again, nor who does not look at where it goes.
    skip = new Set([...skip, last.index, ...elsewhere])
    lines.push('', `${petition.method} ${petition.url}`, 'rules about where it goes are asked again')
  }
  petition.release()
  return `${lines.join('\n')}\n`
}
