/** Several workers, from their start to what comes in its way. */

import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { describe, expect, test } from 'vitest'
import { ControlClient, WATCHED } from './control.ts'
import { answering, Origin } from './origin.ts'
import { childrenOf, isRunning } from './processes.ts'
import { Program } from './program.ts'
import { RawClient } from './raw.ts'
import { until, within } from './waiting.ts'
import { statusOf } from './wire.ts'

const TWO = { service: { workers: 2 }, admin: WATCHED }

const get = (origin: Origin, path = '/') =>
  `GET http://${origin.authority}${path} HTTP/1.1\r\nHost: ${origin.authority}\r\n\r\n`

describe('what keeps it from starting is one clear line', () => {
  const trouble = (program: Program) => program.diagnostics.split('\n').filter((line) => line.startsWith('exaproxy: '))

  test('a port that another one shares among its workers', async () => {
    await using first = await Program.start(TWO)
    const address = `127.0.0.1:${first.port()}`
    await using second = Program.run({ ...TWO, listener: { http: { mode: 'forward', address } } })
    expect((await within(second.exited, 'the end')).code).toBe(69)
    expect(trouble(second)).toEqual([
      `exaproxy: listener http cannot listen on ${address}: the address is in use; stop what uses it, or choose another port`,
    ])
    expect(second.listening).toEqual([])
    expect(first.ended).toBeNull()
  })

  test('a place for the control application that was asked for', async () => {
    using taken = await Origin.listen()
    await using program = Program.run({ ...TWO, admin: { address: taken.authority } })
    expect((await within(program.exited, 'the end')).code).toBe(69)
    expect(trouble(program)).toEqual([expect.stringContaining('the control application cannot listen on')])
  })

  test('an engine that was asked for', async () => {
    const asked = (engine: string) => ({ environment: { EXAPROXY_SERVICE_ENGINE: engine } })
    await using program = Program.run({ service: { workers: 2 } }, asked('epoll'))
    const ready = /2 workers are ready engine=epoll /
    const works = await program.until(() => ready.test(program.diagnostics), 'readiness', 20_000).then(
      () => true,
      () => false,
    )
    if (works) {
      // Where it works, "auto" takes it.
      await using other = await Program.start(TWO, asked('auto'))
      await other.until(() => ready.test(other.diagnostics), 'readiness')
      return
    }
    expect((await within(program.exited, 'the end')).code).toBe(69)
    expect(trouble(program)).toEqual([
      expect.stringMatching(/^exaproxy: service.engine: "epoll" does not work here: ./),
    ])
  })
})

test('the default place of the control application gives way to whoever has it', async () => {
  const squatter = createServer()
  // Who has it already is as good.
  await new Promise<void>((resolve) => {
    squatter.once('error', () => resolve())
    squatter.listen(8080, '127.0.0.1', () => resolve())
  })
  await using program = await Program.start({ admin: { address: '127.0.0.1:8080' } })
  await program.until(
    () => /warning service: .*127\.0\.0\.1:8080.* in use.*admin\.address/.test(program.diagnostics),
    'a word',
  )
  using origin = await Origin.listen(answering('ok'))
  using client = await RawClient.connect(program.port())
  expect(statusOf(await client.ask(get(origin)))).toBe(200)
  squatter.close()
})

test.each([1, 2, 3])('a stop while it starts, try %i, leaves nothing behind', async (delay) => {
  await using program = Program.run(TWO)
  // The workers come one after the other, and are in another moment of their start each time.
  await until(() => program.ended !== null || childrenOf(program.pid).length >= Math.min(delay, 2), 'a worker')
  if (delay === 3) await program.until(() => program.listening.length > 0, 'listening', 20_000)
  const { workers } = program
  expect(await program.stop()).toEqual({ code: 0, signal: null })
  expect(workers.filter(isRunning)).toEqual([])
  expect(program.diagnostics).not.toMatch(/error/)
})

test('a unix socket is the first worker’s, and one that was left behind is taken over', async () => {
  using origin = await Origin.listen(answering('ok'))
  const folder = mkdtempSync(join(tmpdir(), 'exaproxy-test-'))
  const path = join(folder, 'proxy.sock')
  await using program = await Program.start({
    ...TWO,
    listener: { http: { mode: 'forward', address: ['127.0.0.1:0', `unix:${path}`] } },
  }, { addresses: 1 })
  const ask = () =>
    within(
      new Promise<string>((resolve, reject) => {
        const socket = connect(path, () =>
          void socket.write(get(origin).replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')))
        let text = ''
        socket.on('data', (chunk) =>
          text += chunk)
        socket.on('end', () => resolve(text))
        socket.on('error', reject)
      }),
      'an answer over the unix socket',
    )
  await program.until(() => program.diagnostics.includes(`listening on unix:${path}`), 'the unix socket')
  expect(await ask()).toMatch(/^HTTP\/1.1 200 /)
  const control = await ControlClient.of(program)
  process.kill((await control.report()).workers[0].pid, 'SIGKILL')
  await program.until(() => /worker 1 is ready again/.test(program.diagnostics), 'a new worker')
  expect(await ask()).toMatch(/^HTTP\/1.1 200 /)
  rmSync(folder, { recursive: true })
})
