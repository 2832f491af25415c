/** Who may use a listener: the file, and the comparing. */

import { describe, expect, test } from 'vitest'
import { parseUsers, userOf, Users } from '../../core/proxy/users.ts'
import { machineOf } from './world.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
/** The bytes of a text in UTF-8, one character each: what a client sends. */
const sent = (text: string): string => String.fromCharCode(...bytes(text))
const names = (text: string): string[] => [...parseUsers(bytes(text)).values()].map(({ name }) => name)

test.each([
  ['a line', 'joe:pw', ['joe']],
  ['lines, comments, empty ones, CR LF', '# who may\n\njoe:pw\r\n\r\nann:x:y\n#old:pw\n', ['joe', 'ann']],
  ['spaces are a part of both', ' joe : pw \n', [' joe ']],
  ['a byte order mark', '\ufeffjoe:pw', ['joe']],
  ['any script', 'Jürgen:pä\n', ['Jürgen']],
  ['the longest', `${'a'.repeat(255)}:${'b'.repeat(255)}`, ['a'.repeat(255)]],
])('%s', (_, text, expected) => {
  expect(names(text)).toEqual(expected)
})

test.each<[string, string, RegExp]>([
  ['no colon', 'joe:pw\njoe', /^line 2: it is no name/],
  ['no name', ':pw', /^line 1: the name/],
  ['no password', 'joe:', /^line 1: the password/],
  ['a name that is too long', `${'ä'.repeat(128)}:pw`, /^line 1: the name/],
  ['a password that is too long', `joe:${'b'.repeat(256)}`, /^line 1: the password/],
  ['a name with a control', 'j\u0007:pw', /^line 1: the name/],
  ['a name that turns text around', 'j\u202e:pw', /^line 1: the name/],
  ['a name twice', 'joe:a\njoe:b', /^line 2: joe has been named/],
  ['nobody', '# nobody\n', /^it names nobody/],
  ['nothing', '', /^it names nobody/],
])('wrong: %s', (_, text, why) => {
  expect(() => parseUsers(bytes(text))).toThrow(why)
})

test('what is wrong with a line is said without it: it may be a password', () => {
  expect(() => parseUsers(bytes('sesame'))).toThrow(/^(?!.*sesame)/)
})

test('no UTF-8', () => {
  expect(() => parseUsers(Uint8Array.of(0x6a, 0xff, 0x3a, 0x70))).toThrow('it is not UTF-8')
})

describe('userOf()', () => {
  const table = parseUsers(bytes('joe:pw\nJürgen:pä\nann:x:y\n'))
  test.each([
    ['joe', 'pw', 'joe'],
    ['Jürgen', 'pä', 'Jürgen'],
    ['ann', 'x:y', 'ann'],
    ['joe', 'pW', ''],
    ['joe', 'pw\0', ''],
    ['joe', 'p', ''],
    ['joe', '', ''],
    ['joe', 'x'.repeat(300), ''],
    ['Joe', 'pw', ''],
    ['', '', ''],
    ['nobody', '', ''],
    ['nobody', '\0', ''],
    ['__proto__', 'pw', ''],
  ])('%j with %j is %j', (name, password, user) => {
    expect(userOf(table, sent(name), sent(password))).toBe(user)
  })
})

describe('Users', () => {
  const open = async (text: string | null, speaks = true) => {
    const machine = machineOf()
    if (text !== null) machine.files.put('/users', text)
    return { machine, users: await Users.open(machine, 'socks', '/users', speaks) }
  }

  test('a file that is missing, or none, keeps the service from starting: it says which, why and what to do', async () => {
    await expect(open(null)).rejects.toMatchObject({
      exit: 66,
      message: expect.stringMatching(/^listener\.socks\.users_file: \/users cannot be read .*; give a file/),
    })
    await expect(open('joe')).rejects.toMatchObject({
      exit: 78,
      message: 'listener.socks.users_file: /users: line 1: it is no name, ":" and password',
    })
  })

  test('read again: who is new may come, who is gone may not; a broken file changes nothing', async () => {
    const { machine, users } = await open('joe:pw')
    machine.files.put('/users', 'ann:pw')
    await users.reload()
    expect([users.login('joe', 'pw', '192.0.2.1'), users.login('ann', 'pw', '192.0.2.1')]).toEqual(['', 'ann'])
    machine.files.put('/users', '')
    await users.reload()
    expect(users.login('ann', 'pw', '192.0.2.1')).toBe('ann')
    await machine.files.remove('/users')
    await users.reload()
    expect(users.login('ann', 'pw', '192.0.2.1')).toBe('ann')
    expect(users.failed).toBe(1)
  })
})
