/** How the program starts and ends: what is in flight, exit codes, and one clear line when it cannot start. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { answering, Origin } from './origin.ts'
import { Program } from './program.ts'
import { RawClient } from './raw.ts'
import { listens } from './peers.ts'
import { until, within } from './waiting.ts'
import { statusOf, valueOf } from './wire.ts'

/** An origin that answers when it is told to. */
async function waitingOrigin(): Promise<{ origin: Origin; answer: () => void }> {
  let answer = () => {}
  const told = new Promise<void>((resolve) => answer = resolve)
  const origin = await Origin.listen(async (connection) => {
    for (;;) {
      if (await connection.request() === null) return connection.end()
      await told
      await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone')
    }
  })
  return { origin, answer }
}

const get = (origin: Origin) => `GET http://${origin.authority}/ HTTP/1.1\r\nHost: ${origin.authority}\r\n\r\n`

describe.each(['SIGTERM', 'SIGINT', 'SIGQUIT'] as const)('%s', (signal) => {
  test('what is in flight is finished, nothing new is accepted, and the exit code is 0', async () => {
    const { origin, answer } = await waitingOrigin()
    await using program = await Program.start()
    const port = program.port()
    using idle = await RawClient.connect(port)
    using busy = await RawClient.connect(port)
    await busy.send(get(origin))
    await (await origin.connection(0)).change()
    program.signal(signal)
    await until(async () => !await listens(port, '127.0.0.1'), 'no more listening')
    expect(await idle.finished()).toBe('end')
    expect(program.ended).toBeNull()
    answer()
    const done = await busy.answer()
    expect([statusOf(done), done.body.toString(), valueOf(done, 'connection')]).toEqual([200, 'done', 'close'])
    expect(await busy.finished()).toBe('end')
    expect(await within(program.exited, 'the end')).toEqual({ code: 0, signal: null })
    origin.close()
  })

  test('with nothing in flight it ends at once', async () => {
    await using program = await Program.start()
    using _idle = await RawClient.connect(program.port())
    expect(await program.stop(signal)).toEqual({ code: 0, signal: null })
  })
})

test('a stop waits no longer than drain_timeout', async () => {
  const { origin } = await waitingOrigin()
  await using program = await Program.start({ service: { drain_timeout: '300ms' } })
  using client = await RawClient.connect(program.port())
  await client.send(get(origin))
  await (await origin.connection(0)).change()
  await program.stop('SIGTERM')
  await client.finished()
  expect(client.received).toBe(0)
  origin.close()
})

test('SIGQUIT waits for as long as it takes', async () => {
  const { origin, answer } = await waitingOrigin()
  await using program = await Program.start({ service: { drain_timeout: '200ms' } })
  using client = await RawClient.connect(program.port())
  await client.send(get(origin))
  await (await origin.connection(0)).change()
  program.signal('SIGQUIT')
  // A slow origin: three times the time a SIGTERM would have waited.
  await after(600)
  answer()
  expect((await client.answer()).body.toString()).toBe('done')
  expect(await within(program.exited, 'the end')).toEqual({ code: 0, signal: null })
  origin.close()
})

test('a second SIGTERM ends it now', async () => {
  const { origin } = await waitingOrigin()
  await using program = await Program.start({ service: { drain_timeout: '1h' } })
  const port = program.port()
  using client = await RawClient.connect(port)
  await client.send(get(origin))
  await (await origin.connection(0)).change()
  program.signal('SIGTERM')
  await until(async () => !await listens(port, '127.0.0.1'), 'no more listening')
  await program.stop('SIGTERM')
  await client.finished()
  origin.close()
})

test('an open tunnel is cut when the time is over', async () => {
  using origin = await Origin.listen(async (connection) => void await connection.toEnd())
  await using program = await Program.start({
    service: { drain_timeout: '300ms' },
    outgoing: { connect_ports: ['1-65535'] },
  })
  using client = await RawClient.connect(program.port())
  const answer = await client.ask(`CONNECT ${origin.authority} HTTP/1.1\r\nHost: a\r\n\r\n`, 'bodiless')
  expect(statusOf(answer)).toBe(200)
  await program.stop('SIGTERM')
  await client.finished()
  expect(await program.accessLog(1)).toMatchObject([{ failure: 'stopped', result: 'TCP_TUNNEL' }])
})

describe('what keeps it from starting is one clear line', () => {
  const lines = (program: Program) => program.diagnostics.split('\n').filter((line) => line !== '')

  test('a port in use', async () => {
    using origin = await Origin.listen()
    await using program = Program.run({ listener: { http: { mode: 'forward', address: origin.authority } } })
    const { code } = await within(program.exited, 'the end')
    expect(code).toBe(69)
    expect(program.diagnostics).toMatch(new RegExp(`${origin.authority}.*in use`, 's'))
    expect(program.diagnostics).not.toMatch(/^\s+at /m)
  })

  test.each([
    { path: 'left.sock', exit: 69, words: /left\.sock: the path is in use; .* remove it$/m },
    { path: 'nowhere/x.sock', exit: 77, words: /x\.sock: check that its folder exists/ },
  ])('the path of a unix socket: $path', async ({ path, exit, words }) => {
    const folder = mkdtempSync(join(tmpdir(), 'exaproxy-test-'))
    writeFileSync(join(folder, 'left.sock'), '')
    await using program = Program.run({
      listener: { http: { mode: 'forward', address: `unix:${join(folder, path)}` } },
    })
    const { code } = await within(program.exited, 'the end')
    rmSync(folder, { recursive: true })
    expect(code).toBe(exit)
    expect(program.diagnostics).toMatch(words)
  })

  test('an address that is not of this machine', async () => {
    await using program = Program.run({ listener: { http: { mode: 'forward', address: '192.0.2.77:3128' } } })
    const { code } = await within(program.exited, 'the end')
    expect([69, 77]).toContain(code)
    expect(program.diagnostics).toMatch(/192\.0\.2\.77:3128/)
    expect(program.diagnostics).not.toMatch(/^\s+at /m)
  })

  test('a bad configuration names file, line, option and fix', async () => {
    await using program = Program.run('[listener.http]\nmode = "forward"\naddres = "127.0.0.1:0"\n')
    const { code } = await within(program.exited, 'the end')
    expect(code).toBe(78)
    expect(lines(program).some((line) => /exaproxy\.toml:3\b.*addres\b.*address/.test(line))).toBe(true)
  })

  test('so does a file that is no TOML', async () => {
    await using program = Program.run('[listener.http]\nmode = \n')
    const { code } = await within(program.exited, 'the end')
    expect(code).toBe(78)
    expect(program.diagnostics).toMatch(/exaproxy\.toml:2\b/)
  })

  test('a configuration that is missing', async () => {
    await using program = Program.run('', { arguments: ['--config', '/nonexistent/exaproxy.toml'] })
    const { code } = await within(program.exited, 'the end')
    expect(code).toBe(66)
    expect(program.diagnostics).toMatch(/\/nonexistent\/exaproxy\.toml/)
  })

  test('an option that does not exist', async () => {
    await using program = Program.run('', { arguments: ['--no-such-option'] })
    const { code } = await within(program.exited, 'the end')
    expect(code).toBe(64)
    expect(program.diagnostics).toMatch(/no-such-option/)
  })
})

test('options come from the environment and from the command line, which is stronger', async () => {
  using origin = await Origin.listen(answering('reached'))
  await using program = await Program.start({ http: { name: 'file' } }, {
    environment: { EXAPROXY_HTTP_NAME: 'environment', EXAPROXY_HTTP_FORWARDED_FOR: 'off' },
    arguments: ['--set', 'http.name=line'],
  })
  using client = await RawClient.connect(program.port())
  const answer = await client.ask(get(origin))
  expect(valueOf(answer, 'via')).toBe('1.1 line')
  expect(valueOf(origin.requests[0], 'x-forwarded-for')).toBe('')
})
