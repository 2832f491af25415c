/** What no single option of the filter can get wrong: names that mean nothing, and rules that contradict themselves. */

import { family, parsePort, splitHostPort } from '../bytes/address.ts'
import { policyHost } from '../bytes/host.ts'
import { asksTls } from '../filter/conditions.ts'
import { REDIRECTS } from '../filter/decision.ts'
import { parseTemplate } from '../filter/placeholders.ts'
import { LogFormatError, parseLogFormat } from '../squid/logformat.ts'
import { type Finding, grave, warning } from './finding.ts'
import { type RuleConditions, RULES, type RuleSettings, type Settings } from './settings.ts'
import { didYouMean } from './suggest.ts'

/** The conditions of a rule, and those inside them, each with the option it stands in. */
function* allConditions(option: string, of: RuleConditions): Generator<readonly [string, RuleConditions]> {
  yield [option, of]
  if (of.not !== undefined) yield* allConditions(`${option}.not`, of.not)
  for (const name of ['any', 'all'] as const) {
    for (const [i, one] of (of[name] ?? []).entries()) yield* allConditions(`${option}.${name}.${i}`, one)
  }
}

function unknown(option: string, kind: string, name: string, names: readonly string[]): Finding {
  const there = names.length === 0 ? `; there is none: add [${kind}.${name}]` : `; there are ${names.join(', ')}`
  return grave(option, `there is no ${kind} ${JSON.stringify(name)}${didYouMean(name, names) || there}`)
}

function checkNames({ listener, rule, list, helper, icap }: Settings): Finding[] {
  const found: Finding[] = []
  const members = [...helper.map(({ name }) => name), ...icap.map(({ name }) => name)]
  for (const [kind, tables] of [['helper', helper], ['icap', icap]] as const) {
    for (const { name } of tables) {
      if (name === RULES) found.push(grave(`${kind}.${name}`, '"rules" means the rules: give it another name'))
      else if (kind === 'icap' && helper.some((other) => other.name === name)) {
        found.push(grave(`icap.${name}`, `helper.${name} has the same name: listener.NAME.filter could mean either`))
      }
      if (!listener.some(({ filter }) => filter.includes(name))) {
        found.push(
          warning(`${kind}.${name}`, `is asked by no listener; add its name to listener.NAME.filter, or remove it`),
        )
      }
    }
  }
  for (const { name, filter, mode } of listener) {
    const option = `listener.${name}.filter`
    for (const [i, member] of filter.entries()) {
      if (member !== RULES && !members.includes(member)) {
        found.push(unknown(option, 'helper', member, [RULES, ...members]))
      }
      if (filter.indexOf(member) !== i) found.push(grave(option, `${JSON.stringify(member)} is asked twice`))
      if (mode === 'icap' && icap.some((one) => one.name === member && one.method === 'respmod')) {
        found.push(
          grave(option, `icap.${member} is shown responses, and a listener of mode "icap" is asked about requests`),
        )
      }
    }
  }
  const lists = list.map(({ name }) => name)
  const listeners = listener.map(({ name }) => name)
  const used = new Set<string>()
  for (const [i, one] of rule.entries()) {
    for (const [option, conditions] of allConditions(`rule.${i + 1}`, one)) {
      for (const name of conditions.list ?? []) {
        used.add(name)
        if (!lists.includes(name)) found.push(unknown(`${option}.list`, 'list', name, lists))
      }
      for (const name of conditions.listener ?? []) {
        if (!listeners.includes(name)) found.push(unknown(`${option}.listener`, 'listener', name, listeners))
      }
    }
  }
  for (const name of lists) {
    if (!used.has(name)) {
      found.push(warning(`list.${name}`, 'no rule asks for it; add list = ["' + name + '"] to one, or remove it'))
    }
  }
  return found
}

function checkRulesAreAsked({ listener, rule }: Settings): Finding[] {
  if (rule.length === 0) return []
  const asking = listener.filter(({ filter }) => filter.includes(RULES))
  if (asking.length === 0) {
    return [warning('rule.1', 'no listener asks the rules; add filter = ["rules"] to those that should')]
  }
  const inTunnels = rule.findIndex((one) => asksTls(one))
  if (inTunnels >= 0 && !asking.some(({ peek, mode }) => peek || mode === 'tls')) {
    const words = 'asks for what is inside tunnels, and no listener looks; add peek = true to those that should'
    return [warning(`rule.${inTunnels + 1}`, words)]
  }
  return []
}

/** What stands for a placeholder while a value is looked at. */
function sample(text: string): string {
  return text.replace(/\{[a-z]+\}/g, (place) => place === '{path}' ? '/x' : 'x')
}

const URI = /^[\x21\x23-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]*$/

function isUrl(text: string): boolean {
  const match = /^https?:\/\/([^/?#]+)(.*)$/i.exec(sample(text))
  const split = match === null ? null : splitHostPort(match[1]!, 80)
  return split !== null && split.port > 0 && policyHost(split.host) !== null && URI.test(sample(text)) &&
    !match![1]!.includes('@')
}

function isPlace(text: string): boolean {
  const split = splitHostPort(sample(text))
  return split !== null && split.port > 0 && policyHost(split.host) !== null
}

function toProblem({ do: what, to }: RuleSettings): string | null {
  switch (what) {
    case 'redirect':
      if (to === '') return 'is missing: where to? Write to = "https://example.com/"'
      return isUrl(to)
        ? null
        : `${JSON.stringify(to)} is not an absolute URL; write it as "https://example.com/?u={url}"`
    case 'rewrite':
      if (to === '' || isUrl(to) || isPlace(to)) return null
      return `${JSON.stringify(to)} is not an absolute URL, nor "host:port"; write it as "http://example.com/"`
    case 'intercept':
      if (to === '') return 'is missing: to which server? Write to = "127.0.0.1:8080"'
      if (isPlace(to)) return null
      return parsePort(to) >= 0 || !to.includes(':')
        ? `${JSON.stringify(to)} lacks a host or a port; write it as "127.0.0.1:8080"`
        : `${JSON.stringify(to)} is not a host and a port; write it as "127.0.0.1:8080" or "[::1]:8080"`
    default:
      return to === '' ? null : `is of no use with do = "${what}"`
  }
}

function statusProblem({ do: what, status, text, file }: RuleSettings): string | null {
  if (status === 0) return null
  switch (what) {
    case 'redirect':
      return REDIRECTS.includes(status) ? null : `${status} is not one of ${REDIRECTS.join(', ')}`
    case 'deny':
      return status >= 400 ? null : `${status} is not one of 400 to 599`
    case 'respond':
      if (status < 200) return `${status} is not one of 200 to 599`
      // RFC 9110 15.3.5, 15.3.6, 15.4.5
      return [204, 205, 304].includes(status) && (text !== '' || file !== '') ? `${status} has no content` : null
    default:
      return `is of no use with do = "${what}"`
  }
}

/** Options that say nothing with this `do`. */
function useless(rule: RuleSettings): string[] {
  const changes = ['set', 'append', 'remove', 'cookie'] as const
  const found: string[] = []
  if (rule.do !== 'rewrite' && rule.do !== 'permit') {
    for (const name of changes) if (Object.keys(rule[name]).length > 0) found.push(name)
    if (rule.safe_search !== '') found.push('safe_search')
    if (rule.parent !== '') found.push('parent')
    if (rule.bind.length > 0) found.push('bind')
  }
  if (rule.do !== 'respond') {
    for (const name of ['file', 'text', 'type'] as const) if (rule[name] !== '') found.push(name)
  }
  if (rule.final && rule.do !== 'permit') found.push('final')
  return found
}

function checkRule(rule: RuleSettings, option: string): Finding[] {
  const found: Finding[] = []
  const to = toProblem(rule)
  if (to !== null) found.push(grave(`${option}.to`, to))
  const status = statusProblem(rule)
  if (status !== null) found.push(grave(`${option}.status`, status))
  for (const name of useless(rule)) found.push(grave(`${option}.${name}`, `is of no use with do = "${rule.do}"`))
  const values = [['to', rule.to], ...Object.entries(rule.set).map(([name, value]) => [`set.${name}`, value])]
  for (
    const [name = '', value = ''] of [...values, ...Object.entries(rule.append).map(([a, b]) => [`append.${a}`, b])]
  ) {
    const parsed = parseTemplate(value, name === 'to')
    if ('error' in parsed) found.push(grave(`${option}.${name}`, `${JSON.stringify(value)} ${parsed.error}`))
  }
  if (rule.bind.length > 2 || (rule.bind.length === 2 && family(rule.bind[0]) === family(rule.bind[1]))) {
    found.push(grave(`${option}.bind`, 'has two addresses of one family; pools are for outgoing.bind4 and bind6'))
  }
  if (rule.file !== '' && rule.text !== '') found.push(grave(`${option}.text`, 'and file are both given; choose one'))
  const changes = [rule.set, rule.append, rule.cookie, rule.remove].some((one) => Object.keys(one).length > 0)
  if (
    rule.do === 'rewrite' && rule.to === '' && !changes && rule.safe_search === '' && rule.parent === '' &&
    rule.bind.length === 0
  ) {
    found.push(grave(option, 'rewrites nothing; say what: to, set, append, remove or cookie'))
  }
  if (rule.do === 'permit' && rule.final && changes) {
    found.push(
      grave(`${option}.final`, 'does not go together with changes: a request that is changed goes on to the next'),
    )
  }
  return found
}

function hasConditions(rule: RuleSettings): boolean {
  for (const [, conditions] of allConditions('', rule)) {
    const { listener, client, user, method, scheme, host, port, path, query, header } = conditions
    const { list, time, address, sni, tls, ech, sni_mismatch } = conditions
    const plain = [listener, client, user, method, scheme, host, port, path, query, list, time, address]
    if ([...plain, sni, tls, ech, sni_mismatch].some((one) => one !== undefined)) return true
    if (header !== undefined && Object.keys(header).length > 0) return true
  }
  return false
}

function checkRules({ rule }: Settings): Finding[] {
  const found: Finding[] = []
  const names = new Map<string, number>()
  let end = -1
  for (const [i, one] of rule.entries()) {
    const option = `rule.${i + 1}`
    found.push(...checkRule(one, option))
    const before = names.get(one.name)
    if (one.name !== '' && before !== undefined) {
      found.push(warning(`${option}.name`, `rule ${before + 1} is called the same: logs will not tell them apart`))
    }
    names.set(one.name, before ?? i)
    if (end >= 0) found.push(warning(option, `is never asked: rule ${end + 1} has no conditions, so it decides`))
    // A rewrite to another URL is judged again, by the rules after it, too.
    else if (!hasConditions(one) && !one.report_only && !(one.do === 'rewrite' && one.to !== '')) end = i
  }
  return found
}

function checkLists({ list }: Settings): Finding[] {
  const found: Finding[] = []
  for (const { name, file, folder, format } of list) {
    const option = `list.${name}`
    if (file === '' && folder === '') {
      found.push(grave(option, format === 'squidguard' ? 'needs folder = "/some/where"' : 'needs file = "/some/where"'))
    } else if (file !== '' && folder !== '') {
      found.push(grave(`${option}.folder`, 'and file are both given; choose one'))
    } else if (file !== '' && format === 'squidguard') {
      found.push(grave(`${option}.file`, '"squidguard" is a folder; write folder = in its place'))
    }
  }
  return found
}

const ICAP_URI = /^icap:\/\/[\x21-\x2e\x30-\x7e]+(?:\/[\x21-\x7e]*)?$/

/** What is wrong with codes of Squid's logformat; '' when nothing is. */
function formatProblem(extras: string): string {
  try {
    parseLogFormat(extras, 'url')
    return ''
  } catch (error) {
    if (!(error instanceof LogFormatError)) throw error
    return error.message
  }
}

function checkHelpers({ helper }: Settings): Finding[] {
  const found: Finding[] = []
  for (const { name, program, minimum, maximum, extras, folder, protocol, concurrency } of helper) {
    const option = `helper.${name}`
    if (program[0] === '') found.push(grave(`${option}.program`, 'begins with an empty word'))
    if (minimum > maximum) found.push(grave(`${option}.minimum`, `is more than ${option}.maximum (${maximum})`))
    const original = protocol === 'exaproxy-url' || protocol === 'exaproxy-icap'
    if (extras !== '' && protocol === 'exaproxy-url') {
      found.push(grave(`${option}.extras`, `is of no use with protocol = "${protocol}"`))
    }
    if (extras !== '' && protocol === 'exaproxy-icap' && !ICAP_URI.test(extras)) {
      found.push(grave(`${option}.extras`, `${JSON.stringify(extras)} is no icap:// URI, as "icap://localhost/filter"`))
    }
    if (extras !== '' && !original) {
      const words = formatProblem(extras)
      if (words !== '') found.push(grave(`${option}.extras`, words))
    }
    if (folder !== '' && !original) found.push(grave(`${option}.folder`, `is of no use with protocol = "${protocol}"`))
    if (concurrency > 0 && original) {
      found.push(
        grave(`${option}.concurrency`, `is of no use with protocol = "${protocol}": one child has one request`),
      )
    }
  }
  return found
}

export function checkFilter(settings: Settings): Finding[] {
  return [
    ...checkNames(settings),
    ...checkRulesAreAsked(settings),
    ...checkRules(settings),
    ...checkLists(settings),
    ...checkHelpers(settings),
  ]
}
