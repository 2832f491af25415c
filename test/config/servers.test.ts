/** The servers of a group, whether upstream or parent. */
import { expect, test } from 'vitest'
import { load } from '../../core/config/load.ts'

const read = (group: string, servers: readonly string[]) =>
  load({
    file: null,
    environment: {},
    sets: ['listener.http.mode=reverse', 'upstream.other.servers=a:1', `${group}.s.servers=${JSON.stringify(servers)}`],
  })

test.each([
  [['a:1', 'b:1', 'a:1'], ['a:1']],
  [['a:1', 'b:1', 'A:1', 'b:1', 'a:1'], ['b:1', 'a:1']],
  [['[::1]:80', '[0:0::1]:80'], ['[::1]:80']],
  [['10.0.0.1:80', '[::ffff:10.0.0.1]:80'], ['10.0.0.1:80']],
  [['a:1', 'a:2', 'b:1'], []],
])('%j: more than once %j', (servers, again) => {
  for (const group of ['upstream', 'parent']) {
    const { settings, problems } = read(group, servers)
    expect(problems.map(({ option, words }) => `${option}: ${words}`).filter((text) => text.includes('once'))).toEqual(
      again.map((server) => `${group}.s.servers: "${server}" is there more than once; leave one of them`),
    )
    if (again.length > 0) expect(settings).toBe(null)
  }
})
