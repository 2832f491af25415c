/** Requests that came by TLS which ended with whoever asks: what says nothing of a scheme is https. */

import { describe, expect, test } from 'vitest'
import { asHttps, newTarget, parseTarget } from '../../core/http/target.ts'
import { dialPort, Petition } from '../../core/proxy/petition.ts'
import { NO_CHANGES } from '../../core/filter/decision.ts'
import { headOf } from '../http/tools.ts'

const who = { listener: 'site', client: '192.0.2.1', user: '', local: '', localPort: 0, date: 0, zone: 0 }

function ask(line: string, host = 'a.test', https = true): Petition {
  const head = headOf('request', `${line} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  const target = parseTarget(head, newTarget(), https)
  if (https) asHttps(target)
  return new Petition({ ...who, secure: https, https }, head, target)
}

test.each([
  ['GET /b?c', 'a.test', 'https', 443, 'https://a.test/b?c'],
  ['GET /b', 'a.test:8443', 'https', 8443, 'https://a.test:8443/b'],
  ['OPTIONS *', 'a.test', '', 443, 'https://a.test'],
  ['GET https://a.test/b', 'a.test', 'https', 443, 'https://a.test/b'],
  ['GET http://a.test/b', 'a.test', 'http', 80, 'http://a.test/b'],
])('%s of %s', (line, host, scheme, port, url) => {
  const asked = ask(line, host)
  expect([asked.scheme, asked.port, asked.url]).toEqual([scheme, port, url])
})

test('without TLS it is http', () => {
  expect(ask('GET /b', 'a.test', false)).toMatchObject({ scheme: 'http', port: 80, url: 'http://a.test/b' })
  expect(() => ask('GET https://a.test/b', 'a.test', false)).toThrow()
})

test('what is changed stays https, and is not taken for another URL', () => {
  const petition = ask('GET /b')
  petition.change({ ...NO_CHANGES, set: [['X-A', 'b']] })
  expect(petition).toMatchObject({ scheme: 'https', port: 443, url: 'https://a.test/b', rewritten: false })
  petition.release()
})

describe('the port that a decision leads to', () => {
  const dial = (port: number) => ({ host: '192.0.2.9', port, trusted: true, fallback: [] })
  test.each([
    ['its own', 81, 'a.test', true, 81],
    ['that of plain HTTP, for this is what is spoken there', 0, 'a.test', true, 80],
    ['that of the target', 0, 'a.test:8443', true, 8443],
    ['that of the target, without TLS', 0, 'a.test', false, 80],
  ])('%s', (_, port, host, https, expected) => {
    expect(dialPort(dial(port), ask('GET /', host, https).target, https)).toBe(expected)
  })
})
