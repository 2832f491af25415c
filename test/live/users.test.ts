/** Who may use a listener, by name and password: SOCKS and Basic, with curl and with bytes one by one. */

import { once } from 'node:events'
import { chmodSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { curl, lacking, newFolder } from './peers.ts'
import { Program } from './program.ts'
import { until } from './waiting.ts'

const missing = lacking('curl')
const file = join(newFolder(), 'users')
const PASSWORD = 'a secret: of joe'

let origin: Server
let program: Program
const url = (): string => `http://127.0.0.1:${(origin.address() as AddressInfo).port}/`

beforeAll(async () => {
  origin = createServer((request, response) =>
    response.end(`the origin heard ${request.headers['proxy-authorization']}`)
  )
  origin.listen(0, '127.0.0.1')
  await once(origin, 'listening')
  writeFileSync(file, `# who may\njoe:${PASSWORD}\nJürgen:pä\nbad:pw\n`, { mode: 0o644 })
  program = await Program.start({
    listener: {
      socks: { mode: 'socks', address: ['127.0.0.1:0'], users_file: file, filter: ['rules'] },
      http: { address: ['127.0.0.1:0'], users_file: file, filter: ['rules'] },
    },
    outgoing: { connect_ports: ['1-65535'] },
    rule: [{ user: ['bad'], do: 'deny' }, { user: ['joe', 'Jürgen'], do: 'permit', final: true }, { do: 'deny' }],
  })
})

afterAll(async () => {
  await program?.[Symbol.asyncDispose]()
  origin?.close()
})

test('a file that everybody may read is warned of, once', () => {
  expect(program.diagnostics).toMatch(/listener socks: \S+users can be read by everybody .*chmod o-r/)
})

test('a file that is not there, and what to do', async () => {
  const listener = { socks: { mode: 'socks', address: '127.0.0.1:0', users_file: `${file}.none` } }
  const other = Program.run({ listener })
  const { code } = await other.exited
  expect(code).toBe(66)
  expect(other.diagnostics).toMatch(/listener\.socks\.users_file: \S+users\.none cannot be read .*give a file/)
  other.kill()
})

describe.skipIf(missing !== '')(`with curl${missing}`, () => {
  const ask = (listener: string, user: string | null, ...words: string[]) => {
    const scheme = listener === 'http' ? 'http' : 'socks5h'
    const login = user === null ? [] : ['--proxy-user', user]
    return curl('-x', `${scheme}://127.0.0.1:${program.port(listener)}`, ...login, ...words, url())
  }

  test.each([['socks', 'joe'], ['http', 'joe'], ['socks', 'Jürgen'], ['http', 'Jürgen']])(
    '%s: %s is known to the rules and to the log, and the origin hears nothing of it',
    async (listener, name) => {
      const { output } = await ask(listener, `${name}:${name === 'joe' ? PASSWORD : 'pä'}`)
      expect(String(output)).toBe('the origin heard undefined')
    },
  )

  test('http: inside a tunnel, too', async () => {
    const { output } = await ask('http', `joe:${PASSWORD}`, '-p')
    expect(String(output)).toBe('the origin heard undefined')
  })

  test.each(['socks', 'http'])('%s: whom a rule names', async (listener) => {
    const { output } = await ask(listener, 'bad:pw')
    expect(String(output)).not.toContain('the origin')
  })

  test.each(['socks', 'http'])(
    '%s: a wrong password is said with the address, and the password is not',
    async (listener) => {
      const { output } = await ask(listener, 'joe:open sesame')
      expect(String(output)).not.toContain('the origin')
      const said = `listener ${listener}: 127.0.0.1 is refused: a login as "joe" that is none`
      await program.until(() => program.diagnostics.includes(said), said)
      expect(program.diagnostics + program.output.join('\n')).not.toContain('sesame')
    },
  )

  test('http: who does not say who it is, is told how; browsers then ask again', async () => {
    const { output } = await ask('http', null, '-i')
    expect(String(output)).toMatch(
      /^HTTP\/1\.1 407 [^]*\r\nProxy-Authenticate: Basic realm="proxy", charset="UTF-8"\r\n/,
    )
    const asked = await ask('http', `joe:${PASSWORD}`, '--proxy-anyauth')
    expect(String(asked.output)).toBe('the origin heard undefined')
  })

  test('socks: version 4 cannot say who it is, and is told off', async () => {
    const { code } = await curl('-x', `socks4a://127.0.0.1:${program.port('socks')}`, url())
    expect(code).not.toBe(0)
    const said = 'listener socks: 127.0.0.1 is refused: SOCKS: version 4 cannot log in'
    await program.until(() => program.diagnostics.includes(said), said)
  })

  test('the log has each of them', async () => {
    const denied = { client: '127.0.0.1', status: 407, failure: 'login-needed', result: 'TCP_DENIED', user: null }
    const expected = ['socks', 'http'].flatMap((listener) => [
      { listener, user: 'joe', failure: null },
      { listener, user: 'Jürgen', failure: null },
      { listener, user: 'bad', failure: 'denied' },
      {
        ...denied,
        listener,
        reason: listener === 'http' ? 'a wrong name or password' : 'SOCKS: a wrong name or password',
      },
    ])
    // And one of the tunnel.
    const lines = await program.accessLog(expected.length + 1)
    for (const line of expected) expect(lines).toContainEqual(expect.objectContaining(line))
  })

  test('SIGHUP: who is new may come, and a broken file changes nothing', async () => {
    chmodSync(file, 0o600)
    writeFileSync(file, 'ann')
    program.signal('SIGHUP')
    const kept = /users: line 1: it is no name, ":" and password; the users known until now stay/
    await program.until(() => kept.test(program.diagnostics), 'a warning')
    expect(String((await ask('http', `joe:${PASSWORD}`)).output)).toBe('the origin heard undefined')
    writeFileSync(file, 'Jürgen:new\nbad:pw\n')
    program.signal('SIGHUP')
    const welcome = async (): Promise<boolean> =>
      String((await ask('http', 'Jürgen:new')).output) === 'the origin heard undefined'
    await until(welcome, 'a welcome for the new password')
    expect(String((await ask('http', `joe:${PASSWORD}`, '-i')).output)).toMatch(/^HTTP\/1\.1 407 /)
  })
})

/** Send these bytes, and give all that comes back until the connection closes. */
async function answerTo(sent: readonly number[], each = sent.length): Promise<number[]> {
  const socket = connect(program.port('socks'), '127.0.0.1').setNoDelay(true)
  const answer: number[] = []
  socket.on('data', (data: Buffer) => answer.push(...data)).on('error', () => undefined)
  const closed = new Promise((resolve) => socket.once('close', resolve))
  for (let at = 0; at < sent.length; at += each) {
    await new Promise((resolve) => socket.write(Uint8Array.from(sent.slice(at, at + each)), resolve))
  }
  await closed
  return answer
}

const text = (words: string): number[] => [...words].map((letter) => letter.charCodeAt(0))
const login = (name: string, password: string): number[] => [
  ...[5, 1, 2, 1, name.length, ...text(name), password.length, ...text(password)],
]

test.each<[string, () => readonly number[], readonly number[]]>([
  ['no login is offered', () => [5, 1, 0], [5, 0xff]],
  ['a wrong password', () => login('bad', 'x'), [5, 2, 1, 1]],
  ['a wrong name', () => login('nobody', 'pw'), [5, 2, 1, 1]],
  ['an empty login', () => login('', ''), [5, 2, 1, 1]],
  ['a login of another version', () => [5, 1, 2, 2], [5, 2, 1, 1]],
  ['a login and what is denied after it', () => [...login('bad', 'pw'), 5, 1, 0, 3, 1, 0x61, 0, 80], [
    ...[5, 2, 1, 0],
    ...[5, 2, 0, 1, 0, 0, 0, 0, 0, 0],
  ]],
])('%s, at once and byte by byte', async (_, sent, answer) => {
  expect(await answerTo(sent())).toEqual(answer)
  expect(await answerTo(sent(), 1)).toEqual(answer)
})

test('a login in the middle of which the client leaves', async () => {
  const socket = connect(program.port('socks'), '127.0.0.1')
  socket.on('error', () => undefined).write(Uint8Array.from(login('bad', 'pw').slice(0, 8)))
  await once(socket, 'data')
  socket.resetAndDestroy()
  expect(await answerTo([5, 1, 0])).toEqual([5, 0xff])
})
