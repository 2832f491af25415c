import { describe, expect, test } from 'vitest'
import { Upstreams } from '../../core/proxy/route.ts'

const SITES = [
  { name: 'a', hosts: ['example.com', 'www.example.com'], servers: ['10.0.0.1:8080'] },
  { name: 'b', hosts: ['*.example.com'], servers: ['10.0.0.2:8080'] },
  { name: 'c', hosts: ['*.deep.example.com'], servers: ['10.0.0.3'] },
  { name: 'd', hosts: ['*'], servers: ['[2001:db8::1]:80', 'Backend.test:81', '10.0.0.4:82'] },
]

describe('upstreams', () => {
  const table: readonly [string, string][] = [
    ['example.com', '10.0.0.1 8080'],
    ['www.example.com', '10.0.0.1 8080'],
    ['a.example.com', '10.0.0.2 8080'],
    ['a.b.example.com', '10.0.0.2 8080'],
    ['a.deep.example.com', '10.0.0.3 80'],
    ['deep.example.com', '10.0.0.2 8080'],
    ['notexample.com', '2001:db8::1 80'],
    ['com', '2001:db8::1 80'],
    ['', '2001:db8::1 80'],
  ]
  test.each(table)('%s goes to %s', (host, expected) => {
    const { host: name, port } = new Upstreams(SITES).server(host)
    expect(`${name} ${port}`).toBe(expected)
  })

  test('servers take turns', () => {
    const upstreams = new Upstreams(SITES)
    const turns = Array.from({ length: 4 }, () => upstreams.server('x.test').host)
    expect(turns).toEqual(['2001:db8::1', 'backend.test', '10.0.0.4', '2001:db8::1'])
  })

  test('without a default an unknown host is nobody’s', () => {
    const upstreams = new Upstreams(SITES.slice(0, 3))
    expect(() => upstreams.server('other.test')).toThrow(expect.objectContaining({ code: 'no-upstream' }))
  })
})
