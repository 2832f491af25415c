import { describe, expect, test } from 'vitest'
import type { Decision } from '../../core/filter/decision.ts'
import type { Subject } from '../../core/filter/subject.ts'
import { subjectOf } from './subject.ts'
import { rulesOf } from './table.ts'

const FILES = new Map([['/b/page.html', new TextEncoder().encode('<p>')], ['/b/wpad.dat', new Uint8Array([0, 255])]])

function decide(rule: string, subject: Subject = subjectOf('http://a.test/x?y')): Decision {
  const judgement = rulesOf(`[[rule]]\n${rule}\n`, undefined, FILES).judge(subject)
  if (judgement.kind !== 'decided') throw new Error(`${rule}: ${judgement.kind}`)
  return judgement.decision
}

const utf8 = (text: string) => new TextEncoder().encode(text)
const CAUSE = { by: 'rules', rule: '1', reason: '', category: '' }
const NONE = { url: '', keepHost: false, set: [], append: [], remove: [], cookie: [] }

test.each<[rule: string, decision: object]>([
  ['do = "permit"', { kind: 'permit', final: false }],
  ['do = "permit"\nfinal = true\nname = "a b"\nreason = "c"', {
    kind: 'permit',
    final: true,
    rule: 'a b',
    reason: 'c',
  }],
  ['do = "permit"\nset = { A = "b" }', { kind: 'rewrite', changes: { ...NONE, set: [['A', 'b']] } }],
  ['do = "deny"', { kind: 'deny', status: 403, broken: false }],
  ['do = "deny"\nstatus = 451\nreason = "law"', { kind: 'deny', status: 451, broken: false, reason: 'law' }],
  ['do = "redirect"\nto = "https://b/"', { kind: 'redirect', status: 302, location: 'https://b/' }],
  ['do = "redirect"\nto = "https://b/"\nstatus = 308', { kind: 'redirect', status: 308, location: 'https://b/' }],
  ['do = "rewrite"\nto = "http://b/c"', { kind: 'rewrite', changes: { ...NONE, url: 'http://b/c' } }],
  ['do = "rewrite"\nto = "b:81"', { kind: 'rewrite', changes: { ...NONE, url: 'http://b:81/x?y' } }],
  [
    'do = "rewrite"\nset = { A = "b" }\nappend = { C = "\u00e9" }\nremove = ["D"]\ncookie = { e = "f", g = "" }',
    {
      kind: 'rewrite',
      changes: {
        ...NONE,
        set: [['A', 'b']],
        append: [['C', '\u00c3\u00a9']],
        remove: ['D'],
        cookie: [['e', 'f'], ['g', null]],
      },
    },
  ],
  ['do = "rewrite"\nset = { host = "b" }', {
    kind: 'rewrite',
    changes: { ...NONE, url: 'http://a.test/x?y', keepHost: true, set: [['host', 'b']] },
  }],
  ['do = "rewrite"\nremove = "D"', { kind: 'rewrite', changes: { ...NONE, remove: ['D'] } }],
  ['do = "respond"\ntext = "h\u00e9"', {
    kind: 'respond',
    status: 200,
    type: 'text/plain; charset=utf-8',
    body: utf8('h\u00e9'),
  }],
  ['do = "respond"\nstatus = 404\ntext = "{}"\ntype = "application/json"', {
    kind: 'respond',
    status: 404,
    type: 'application/json',
    body: utf8('{}'),
  }],
  ['do = "respond"\nstatus = 204', { kind: 'respond', status: 204, type: 'text/plain; charset=utf-8', body: utf8('') }],
  ['do = "respond"\nfile = "/b/page.html"', {
    kind: 'respond',
    status: 200,
    type: 'text/html; charset=utf-8',
    body: utf8('<p>'),
  }],
  ['do = "respond"\nfile = "/b/wpad.dat"', {
    kind: 'respond',
    status: 200,
    type: 'application/x-ns-proxy-autoconfig',
    body: new Uint8Array([0, 255]),
  }],
  ['do = "intercept"\nto = "127.0.0.1:81"', { kind: 'intercept', host: '127.0.0.1', port: 81, trusted: true }],
  ['do = "intercept"\nto = "[::1]:81"', { kind: 'intercept', host: '::1', port: 81, trusted: true }],
  // What the request names, the operator does not vouch for.
  ['do = "intercept"\nto = "{host}:81"', { kind: 'intercept', host: 'a.test', port: 81, trusted: false }],
  ['do = "close"', { kind: 'close' }],
])('%s', (rule, decision) => {
  expect(decide(rule)).toEqual({ ...CAUSE, ...decision })
})

test('a decision without anything of the request in it is made once', () => {
  const rules = rulesOf('[[rule]]\ndo = "redirect"\nto = "https://b/"\n')
  const decided = () => {
    const judgement = rules.judge(subjectOf('http://a/'))
    return judgement.kind === 'decided' ? judgement.decision : null
  }
  expect(decided()).toBe(decided())
})

test('a file that was not read is not answered with', () => {
  expect(() => decide('do = "respond"\nfile = "/b/other"')).toThrow('The file /b/other was not read')
})

describe('a rewrite is what the method asks for', () => {
  test.each<[to: string, url: string, changed: string]>([
    ['http://b/c', 'a.test:443', 'b:443'],
    ['http://b:81/c', 'a.test:443', 'b:81'],
    ['https://b/c', 'a.test:443', 'b:443'],
    ['https://[::1]/c', 'a.test:8443', '[::1]:8443'],
    ['b:8443', 'a.test:443', 'b:8443'],
    ['b:8080', 'http://a.test', 'http://b:8080'],
    ['b:8080', 'http://a.test:81/x/y?z', 'http://b:8080/x/y?z'],
    ['[::1]:8080', 'https://[::2]?z', 'https://[::1]:8080?z'],
    ['http://mirror.test{path}?{query}', 'http://a.test/%41/../b?c=%20', 'http://mirror.test/%41/../b?c=%20'],
    ['http://{host}.mirror.test/', 'http://A.test./', 'http://a.test.mirror.test/'],
  ])('%s of %s', (to, url, changed) => {
    expect(decide(`do = "rewrite"\nto = "${to}"`, subjectOf(url))).toMatchObject({ changes: { url: changed } })
  })
})

describe('what stands for a part of the request', () => {
  const location = (to: string, subject: Subject) => {
    const decision = decide(`name = "r 1"\ndo = "redirect"\nto = "https://b/${to}"`, subject)
    return decision.kind === 'redirect' ? decision.location.slice('https://b/'.length) : decision.kind
  }

  test.each<[to: string, subject: Subject, made: string]>([
    ['?u={url}', subjectOf('http://a.test/x?y=z&w'), '?u=http%3A%2F%2Fa.test%2Fx%3Fy%3Dz%26w'],
    ['?u={url}', subjectOf('a.test:443'), '?u=a.test%3A443'],
    ['?u={url}', subjectOf('http://a/\u00e9\x80'), '?u=http%3A%2F%2Fa%2F%E9%80'],
    ['{host}/{host}', subjectOf('http://A.test./'), 'a.test/a.test'],
    ['{host}', subjectOf('http://[::1]/'), '[::1]'],
    ['{path}', subjectOf('http://a'), '/'],
    ['{path}', subjectOf('http://a/b/%63/..?d'), '/b/%63/..'],
    ['{path}x', subjectOf('a:443'), 'x'],
    ['{path}', subjectOf('http://a?b/c'), '/'],
    ['?{query}', subjectOf('http://a/?b=%20&c'), '?b=%20&c'],
    ['?{query}', subjectOf('http://a/?b"<>\\^`|\u00e9'), '?b%22%3C%3E%5C%5E%60%7C%E9'],
    [
      '?c={client}&u={user}',
      subjectOf('http://a/', { client: 'fe80::1%eth0', user: 'a b\r\n&c' }),
      '?c=fe80%3A%3A1&u=a%20b%0D%0A%26c',
    ],
    ['?r={rule}', subjectOf('http://a/'), '?r=r%201'],
  ])('%s', (to, subject, made) => {
    expect(location(to, subject)).toBe(made)
  })

  test('in a value it is as it came, but for what would end the field', () => {
    const subject = subjectOf('http://a.test/b?c', { user: 'al ice\r\nX: y\u{1f600}', client: '::1' })
    const decision = decide(
      'do = "rewrite"\nset = { A = "{user}|{client}|{host}|{rule}|{url}|{path}|{query}" }',
      subject,
    )
    expect(decision).toMatchObject({
      changes: { set: [['A', 'al ice??X: y??|::1|a.test|1|http%3A%2F%2Fa.test%2Fb%3Fc|/b|c']] },
    })
  })
})
