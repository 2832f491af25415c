/** What a rule does, compiled: the decision, made once where nothing of the request is in it. */

import { splitHostPort } from '../bytes/address.ts'
import type { RuleSettings } from '../config/settings.ts'
import type { Asked } from './conditions.ts'
import { type Cause, type Changes, type Decision, NO_CHANGES } from './decision.ts'
import { parseTemplate, type Template } from './placeholders.ts'
import type { Subject } from './subject.ts'

export type Action = (asked: Asked) => Decision

/** Content-Type by the end of the name of a file. */
const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  htm: 'text/html; charset=utf-8',
  txt: 'text/plain; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json',
  xml: 'application/xml',
  svg: 'image/svg+xml',
  png: 'image/png',
  gif: 'image/gif',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  ico: 'image/x-icon',
  pdf: 'application/pdf',
  pac: 'application/x-ns-proxy-autoconfig',
  dat: 'application/x-ns-proxy-autoconfig',
}

function typeOf({ type, file }: RuleSettings): string {
  if (type !== '') return type
  if (file === '') return 'text/plain; charset=utf-8'
  return TYPES[file.slice(file.lastIndexOf('.') + 1).toLowerCase()] ?? 'application/octet-stream'
}

function template(text: string, inUrl: boolean): Template {
  const parsed = parseTemplate(text, inUrl)
  if ('error' in parsed) throw new TypeError(`Cannot read ${JSON.stringify(text)}: it ${parsed.error}`)
  return parsed.template
}

/** Latin1, as fields are written: characters past ASCII are the bytes of their UTF-8. */
function toLatin1(text: string): string {
  let out = ''
  for (const byte of new TextEncoder().encode(text)) out += String.fromCharCode(byte)
  return out
}

/** `host:port` of a URL; where it has no port, the one that was asked for. */
function authorityOf(url: string, port: number): string {
  const scheme = url.indexOf('://')
  if (scheme < 0) return url
  const rest = url.slice(scheme + 3)
  const end = rest.search(/[/?#]/)
  const authority = end < 0 ? rest : rest.slice(0, end)
  const split = splitHostPort(authority, port)
  return split === null ? authority : `${split.host.includes(':') ? `[${split.host}]` : split.host}:${split.port}`
}

/** The URL asked for, at another `host:port`. */
function moved({ url }: Subject, authority: string): string {
  const start = url.indexOf('://') + 3
  const end = url.slice(start).search(/[/?]/)
  return `${url.slice(0, start)}${authority}${end < 0 ? '' : url.slice(start + end)}`
}

/** A rewrite of CONNECT wants `host:port`, any other an absolute URI: whichever of them the rule has. */
function rewritten(subject: Subject, to: string): string {
  if (to === '') return ''
  if (subject.method === 'CONNECT') return authorityOf(to, subject.port)
  return to.includes('://') ? to : moved(subject, to)
}

type Pairs = readonly (readonly [string, Template])[]

const pairsOf = (table: Readonly<Record<string, string>>): Pairs =>
  Object.entries(table).map(([name, value]) => [name, template(toLatin1(value), false)])

/** What is changed, where anything is. */
function changesOf(rule: RuleSettings): ((subject: Subject, name: string) => Changes) | null {
  const set = pairsOf(rule.set)
  const append = pairsOf(rule.append)
  const cookie = Object.entries(rule.cookie).map(([name, value]) => [name, value === '' ? null : value] as const)
  const to = template(rule.do === 'rewrite' ? rule.to : '', true)
  if (rule.do !== 'rewrite' && set.length + append.length + cookie.length + rule.remove.length === 0) return null
  const fill = (pairs: Pairs, subject: Subject, name: string) =>
    pairs.map(([field, value]) => [field, value.fill(subject, name)] as const)
  // Host is made of the URL where it is not said to stay: the one that is set stays.
  const keepHost = Object.keys(rule.set).some((name) => name.toLowerCase() === 'host')
  return (subject, name) => ({
    ...NO_CHANGES,
    url: rewritten(subject, to.fill(subject, name)) || (keepHost ? subject.url : ''),
    keepHost,
    set: fill(set, subject, name),
    append: fill(append, subject, name),
    remove: rule.remove,
    cookie,
  })
}

/** Whether the decision is the same for all requests. */
function isConstant(rule: RuleSettings): boolean {
  if (rule.list !== undefined || rule.any !== undefined || rule.all !== undefined) return false
  if ((rule.do === 'rewrite' && rule.to !== '') || Object.keys(rule.set).length > 0) return false
  const values = [rule.to, ...Object.values(rule.set), ...Object.values(rule.append)]
  return values.every((value) => template(value, true).constant)
}

/** What the rule says of a request, its cause given. */
function deciding(rule: RuleSettings, file: Uint8Array | undefined): (subject: Subject, cause: Cause) => Decision {
  const to = template(rule.to, true)
  switch (rule.do) {
    case 'permit':
    case 'rewrite': {
      const changes = changesOf(rule)
      if (changes === null) return (_, cause) => ({ ...cause, kind: 'permit', final: rule.final })
      return (subject, cause) => ({ ...cause, kind: 'rewrite', changes: changes(subject, cause.rule) })
    }
    case 'deny':
      return (_, cause) => ({ ...cause, kind: 'deny', status: rule.status === 0 ? 403 : rule.status, broken: false })
    case 'redirect': {
      const status = rule.status === 0 ? 302 : rule.status
      return (subject, cause) => ({ ...cause, kind: 'redirect', status, location: to.fill(subject, cause.rule) })
    }
    case 'respond': {
      const status = rule.status === 0 ? 200 : rule.status
      const body = rule.file === '' ? new TextEncoder().encode(rule.text) : file
      if (body === undefined) throw new TypeError(`The file ${rule.file} was not read`)
      const type = typeOf(rule)
      return (_, cause) => ({ ...cause, kind: 'respond', status, type, body })
    }
    case 'intercept':
      return (subject, cause) => {
        const split = splitHostPort(to.fill(subject, cause.rule))
        // The schema has seen to it, but for what is filled in.
        if (split === null) return { ...cause, kind: 'deny', status: 503, broken: true }
        return { ...cause, kind: 'intercept', ...split, trusted: to.constant }
      }
    case 'close':
      return (_, cause) => ({ ...cause, kind: 'close' })
  }
}

/** The name of a rule, for people: its own, or its number. */
export function ruleName(rule: RuleSettings, index: number): string {
  return rule.name === '' ? String(index + 1) : rule.name
}

/** @throws TypeError for what cannot be read, and for a file that is not there */
export function compileAction(rule: RuleSettings, index: number, files: ReadonlyMap<string, Uint8Array>): Action {
  const decide = deciding(rule, files.get(rule.file))
  const cause: Cause = { by: 'rules', rule: ruleName(rule, index), reason: rule.reason, category: '' }
  if (!isConstant(rule)) {
    return ({ subject, category }) => decide(subject, { ...cause, category })
  }
  let made: Decision | null = null
  return ({ subject }) => made ??= decide(subject, cause)
}
