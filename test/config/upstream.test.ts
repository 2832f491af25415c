import { expect, test } from 'vitest'
import { load } from '../../core/config/load.ts'

const read = (...sets: string[]) =>
  load({
    file: null,
    environment: {},
    sets: [
      'listener.http.mode=reverse',
      'upstream.s.servers=127.0.0.1:9000',
      ...sets.map((set) => `upstream.s.${set}`),
    ],
  })

/** What is said of them, without what it begins with. */
const words = (...sets: string[]): string[] => read(...sets).warnings.map(({ words }) => words)

test('an upstream is balanced in turn, and asks for nothing else', () => {
  const { settings, problems } = read()
  expect(problems).toEqual([])
  expect(settings!.upstream[0]).toMatchObject({
    balance: 'round_robin',
    check: 'off',
    check_interval: 2000,
    check_path: '/',
    max_connections: 0,
    queue: 0,
    queue_timeout: 5000,
    sticky: 'off',
    sticky_cookie: 'exaproxy_server',
  })
})

test.each([
  ['balance=random'],
  ['check=udp'],
  ['check_interval=0'],
  ['check_path=health'],
  ['check_path=/a b'],
  ['check_path=/a\r\nX: y'],
  ['max_connections=-1'],
  ['sticky=maybe'],
  ['sticky_cookie='],
  ['sticky_cookie=a b'],
  ['sticky_cookie=a;b'],
  ['sticky_cookie=a=b'],
])('%j is refused', (set) => {
  const { settings, problems } = read(set)
  expect(settings).toBe(null)
  expect(problems.length).toBe(1)
})

test.each([
  [['queue=5'], 'is of no use without max_connections: there is always room'],
  [['sticky=client', 'balance=least'], 'does not count: sticky = "client" finds the server by its hash'],
])('%j: %s', (sets, said) => {
  expect(words(...sets).join()).toContain(said)
  expect(read(...sets).settings).not.toBe(null)
})

test.each([
  [['queue=5', 'max_connections=5']],
  [['sticky=client', 'balance=hash_client']],
  [['sticky=cookie', 'balance=least', 'check=http', 'check_path=/a?b=c%20d']],
])('%j: nothing', (sets) => {
  expect(words(...sets)).toEqual([])
})
