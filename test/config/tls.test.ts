import { expect, test } from 'vitest'
import { check } from '../../core/config/checks.ts'
import { fromSettings, schema, toSettings } from '../../core/config/schema.ts'
import type { Settings } from '../../core/config/settings.ts'

const HTTP = { address: '127.0.0.1:3128' }
const SITE = { cert: '/a.pem', key: '/a.key' }

function settingsOf(http: object, upstream: object = {}): Settings {
  return toSettings(schema.parse({ listener: { http: { ...HTTP, ...http } }, upstream }))
}

function words(http: object, upstream: object = {}): string[] {
  return check(settingsOf(http, upstream)).map(({ option, words }) => `${option}: ${words}`)
}

const site = (tls: unknown) => ({ s: { servers: ['127.0.0.1:9000'], tls } })

test('one certificate or several', () => {
  expect(settingsOf({}).listener[0].tls).toEqual([])
  expect(settingsOf({ tls: SITE }).listener[0].tls).toEqual([SITE])
  expect(settingsOf({ tls: [SITE, SITE] }).listener[0].tls).toEqual([SITE, SITE])
})

test.each([
  [undefined, null],
  [false, null],
  [true, { ca: '', verify: true, name: '', cert: '', key: '' }],
  [{ ca: '/ca.pem', name: 'app.test' }, { ca: '/ca.pem', verify: true, name: 'app.test', cert: '', key: '' }],
])('upstream.tls %j', (written, expected) => {
  expect(settingsOf({ mode: 'reverse' }, site(written)).upstream[0].tls).toEqual(expected)
})

test.each([true, false, { ca: '/ca.pem' }])('upstream.tls %j is written back as it was meant', (written) => {
  const settings = settingsOf({ mode: 'reverse', tls: SITE }, site(written))
  expect(toSettings(schema.parse(fromSettings(settings)))).toEqual(settings)
})

test.each([
  ['listener', { tls: 'a.pem' }, {}],
  ['listener', { tls: { cert: '/a.pem' } }, {}],
  ['listener', { tls: { cert: '', key: '' } }, {}],
  ['upstream', { mode: 'reverse' }, site('yes')],
  ['upstream', { mode: 'reverse' }, site({ name: 'not a name' })],
  ['upstream', { mode: 'reverse' }, site({ cafile: '/a.pem' })],
])('%s: %j and %j are refused', (_, http, upstream) => {
  expect(() => settingsOf(http, upstream)).toThrow()
})

test.each([
  [{ tls: SITE }, []],
  [{ tls: SITE, client_certificates: 'require', client_ca: '/ca.pem' }, []],
  [{ mode: 'passthrough', server: '192.0.2.1:25', tls: SITE }, [
    /mode "passthrough" carries the TLS of clients as it is/,
  ]],
  [{ client_certificates: 'request', client_ca: '/ca.pem' }, [/client_certificates: needs tls/]],
  [{ tls: SITE, client_certificates: 'require' }, [/client_ca: is missing/]],
  [{ tls: SITE, client_ca: '/ca.pem' }, [/client_ca: is of no use while/]],
])('%j together', (http, expected) => {
  const found = words(http)
  expect(found.length).toBe(expected.length)
  for (const [i, one] of expected.entries()) expect(found[i]).toMatch(one)
})

test.each([
  [{ cert: '/a.pem' }, /cert and key come together/],
  [{ ca: '/ca.pem', verify: false }, /ca is of no use/],
])('upstream.tls %j', (tls, expected) => {
  expect(words({ mode: 'reverse' }, site(tls)).join('\n')).toMatch(expected)
})
