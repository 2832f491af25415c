/** Several workers: they share the load, one that dies is replaced, and all of them end together. */

import process from 'node:process'
import { expect, test } from 'vitest'
import { ControlClient, count, WATCHED } from './control.ts'
import { answering, Origin } from './origin.ts'
import { listens } from './peers.ts'
import { isRunning } from './processes.ts'
import { Program } from './program.ts'
import { RawClient } from './raw.ts'
import { until, within } from './waiting.ts'
import { statusOf } from './wire.ts'

const TWO = { service: { workers: 2 }, admin: WATCHED }
/** Enough for both workers to have some: where they take them from one queue, the first takes what comes one by one. */
const MANY = 64

const get = (origin: Origin, path = '/') =>
  `GET http://${origin.authority}${path} HTTP/1.1\r\nHost: ${origin.authority}\r\n\r\n`

/** So many connections, made at once, each of which has been answered once. */
async function open(program: Program, origin: Origin, many = MANY): Promise<RawClient[]> {
  return await Promise.all(Array.from({ length: many }, async () => {
    const client = await RawClient.connect(program.port())
    expect(statusOf(await client.ask(get(origin)))).toBe(200)
    return client
  }))
}

/** Asks on each connection once; gives those that were answered. */
async function asked(clients: readonly RawClient[], origin: Origin): Promise<RawClient[]> {
  const answered = await Promise.all(clients.map(async (client) => {
    try {
      return statusOf(await client.ask(get(origin))) === 200
    } catch {
      return false
    }
  }))
  return clients.filter((_, i) => answered[i])
}

const ended = (pids: readonly number[]) => until(() => !pids.some(isRunning), 'the end of all workers')

test('two workers share the connections, and their counters add up', async () => {
  using origin = await Origin.listen(answering('ok'))
  await using program = await Program.start(TWO)
  const control = await ControlClient.of(program)
  const clients = await open(program, origin)
  const { workers, total } = await control.report()
  expect(workers.map(({ id, state, restarts }) => [id, state, restarts])).toEqual([[1, 'ready', 0], [2, 'ready', 0]])
  expect(workers.map(({ pid }) => pid).toSorted()).toEqual(program.workers.toSorted())
  const counts = workers.map(({ statistics }) => count(statistics, 'exchanges_total'))
  expect(counts[0] + counts[1]).toBe(MANY)
  expect(Math.min(...counts)).toBeGreaterThan(0)
  expect(count(total, 'exchanges_total')).toBe(MANY)
  for (const client of clients) client.close()
})

test('kill -9 of a worker: the other goes on, a new one comes, and the loss is told', async () => {
  using origin = await Origin.listen(answering('ok'))
  await using program = await Program.start(TWO)
  const control = await ControlClient.of(program)
  const clients = await open(program, origin)
  const [victim, other] = (await control.report()).workers
  process.kill(victim.pid, 'SIGKILL')
  await within(Promise.any(clients.map((client) => client.finished())), 'the end of its connections')
  const survivors = await asked(clients, origin)
  expect([survivors.length > 0, survivors.length < MANY]).toEqual([true, true])
  // What was asked while nobody had taken its place went to the other: nothing was refused.
  const replaced = program.until(() => /worker 1 is ready again/.test(program.diagnostics), 'a new worker')
  await Promise.all(Array.from({ length: 20 }, async () => {
    using client = await RawClient.connect(program.port())
    expect(statusOf(await client.ask(get(origin)))).toBe(200)
  }))
  await replaced
  expect(program.diagnostics).toMatch(/error +service: worker 1 was ended by SIGKILL; its connections are lost/)
  const { workers, total } = await control.report()
  expect(workers.map(({ restarts }) => restarts)).toEqual([1, 0])
  expect(workers[0].pid).not.toBe(victim.pid)
  expect(workers[1].pid).toBe(other.pid)
  // What it had counted until its last pulse is not forgotten; a connection counts there when it was accepted.
  expect(count(total, 'exchanges_total')).toBeGreaterThanOrEqual(survivors.length * 2 + 20)
  expect(await asked(survivors, origin)).toHaveLength(survivors.length)
  for (const client of clients) client.close()
})

test('one that dies again and again is started again and again, and serves in between', async () => {
  using origin = await Origin.listen(answering('ok'))
  await using program = await Program.start({ service: { workers: 1 } })
  for (let round = 1; round <= 3; round++) {
    process.kill(program.workers[0], 'SIGKILL')
    const times = () => program.diagnostics.split('worker 1 is ready again').length - 1
    await program.until(() => times() === round, `start ${round}`)
    using client = await RawClient.connect(program.port())
    expect(statusOf(await client.ask(get(origin)))).toBe(200)
  }
})

/** An origin that answers `/wait` when it is told to, and all else at once. */
async function waitingOrigin(): Promise<{ origin: Origin; answer: () => void; waiting: () => number }> {
  let answer = () => {}
  let waiting = 0
  const told = new Promise<void>((resolve) => answer = resolve)
  const origin = await Origin.listen(async (connection) => {
    for (;;) {
      const request = await connection.request()
      if (request === null) return connection.end()
      if (request.line.includes('/wait')) {
        waiting++
        await told
      }
      await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone')
    }
  })
  return { origin, answer, waiting: () => waiting }
}

/** Both workers have something in flight. */
async function busy(program: Program): Promise<{ clients: RawClient[]; origin: Origin; answer: () => void }> {
  const { origin, answer, waiting } = await waitingOrigin()
  const clients = await Promise.all(Array.from({ length: MANY }, () => RawClient.connect(program.port())))
  await Promise.all(clients.map((client) => client.send(get(origin, '/wait'))))
  await until(() => waiting() === MANY, 'all requests at the origin')
  return { clients, origin, answer }
}

test('SIGTERM: both workers finish what is in flight, and nobody listens meanwhile', async () => {
  await using program = await Program.start(TWO)
  const control = await ControlClient.of(program)
  const { workers } = program
  const { clients, origin, answer } = await busy(program)
  program.signal('SIGTERM')
  await until(async () => !await listens(program.port(), '127.0.0.1'), 'no more listening')
  const ready = await control.ask('/ready')
  expect([statusOf(ready), /stopping/.test(ready.body.toString())]).toEqual([503, true])
  answer()
  for (const client of clients) expect((await client.answer()).body.toString()).toBe('done')
  expect(await within(program.exited, 'the end')).toEqual({ code: 0, signal: null })
  expect(workers.filter(isRunning)).toEqual([])
  expect(program.output.length).toBe(MANY)
  origin.close()
})

test.each(
  [
    // Those of a terminal are the supervisor's to judge.
    'SIGINT',
    // systemd's goes to all of them, too: each worker leaves by itself, and the supervisor says the same a moment later.
    'SIGTERM',
  ] as const,
)('%s to all processes at once is one stop', async (signal) => {
  await using program = await Program.start(TWO)
  const { workers } = program
  const { clients, origin, answer } = await busy(program)
  for (const pid of [...workers, program.pid]) process.kill(pid, signal)
  await until(async () => !await listens(program.port(), '127.0.0.1'), 'no more listening')
  for (const pid of workers) process.kill(pid, 'SIGHUP')
  answer()
  for (const client of clients) expect((await client.answer()).body.toString()).toBe('done')
  expect(await within(program.exited, 'the end')).toEqual({ code: 0, signal: null })
  expect(program.diagnostics).not.toMatch(/error|again/)
  origin.close()
})

test('kill -9 of the supervisor: the workers finish what is in flight, and end', async () => {
  await using program = await Program.start(TWO)
  const { workers } = program
  expect(workers).toHaveLength(2)
  const { clients, origin, answer } = await busy(program)
  const port = program.port()
  program.child.kill('SIGKILL')
  await until(async () => !await listens(port, '127.0.0.1'), 'no more listening')
  expect(workers.filter(isRunning)).toHaveLength(2)
  answer()
  for (const client of clients) expect((await client.answer()).body.toString()).toBe('done')
  await ended(workers)
  origin.close()
})

test('SIGTERM to one worker: it finishes what is in flight, and another takes its place meanwhile', async () => {
  await using program = await Program.start({ service: { workers: 1 } })
  const [worker] = program.workers
  const { origin, answer, waiting } = await waitingOrigin()
  using client = await RawClient.connect(program.port())
  await client.send(get(origin, '/wait'))
  await until(() => waiting() === 1, 'the request at the origin')
  process.kill(worker, 'SIGTERM')
  await program.until(() => /worker 1 is ready again/.test(program.diagnostics), 'another worker')
  using next = await RawClient.connect(program.port())
  expect(statusOf(await next.ask(get(origin)))).toBe(200)
  expect(isRunning(worker)).toBe(true)
  answer()
  expect((await client.answer()).body.toString()).toBe('done')
  await ended([worker])
  expect(program.ended).toBeNull()
  origin.close()
})

test('a worker that hangs is killed and replaced', async () => {
  using origin = await Origin.listen(answering('ok'))
  await using program = await Program.start({ service: { workers: 1 } })
  const [worker] = program.workers
  process.kill(worker, 'SIGSTOP')
  await program.until(() => /worker 1 is ready again/.test(program.diagnostics), 'a new worker', 40_000)
  expect(program.diagnostics).toMatch(/error +service: worker 1 hangs and is killed/)
  expect(isRunning(worker)).toBe(false)
  using client = await RawClient.connect(program.port())
  expect(statusOf(await client.ask(get(origin)))).toBe(200)
}, 60_000)

test('lines of two workers are never torn, and none is lost when they stop in order', async () => {
  using origin = await Origin.listen(answering('ok'))
  await using program = await Program.start(TWO)
  const long = 'x'.repeat(3000)
  const each = 40
  const clients = await open(program, origin)
  await Promise.all(clients.map(async (client, c) => {
    for (let n = 0; n < each; n++) {
      const path = `/${c}-${n}/${long.slice((c * n) % 2000)}`
      expect(statusOf(await client.ask(get(origin, path)))).toBe(200)
    }
  }))
  expect(await program.stop()).toEqual({ code: 0, signal: null })
  const seen = new Set<string>()
  for (const line of program.output) {
    const text = JSON.stringify(JSON.parse(line))
    const path = /\/(\d+-\d+)\/x/.exec(text)?.[1]
    if (path !== undefined) seen.add(path)
  }
  expect(program.output.length).toBe(MANY + MANY * each)
  expect(seen.size).toBe(MANY * each)
})

test('a supervisor that does not read costs lines, which are counted, and no request', async () => {
  using origin = await Origin.listen(answering('ok'))
  await using program = await Program.start({ service: { workers: 1 } })
  using client = await RawClient.connect(program.port())
  const long = 'x'.repeat(30_000)
  // Ten megabytes of log lines: more than the worker keeps and the kernel takes.
  const many = 350
  process.kill(program.pid, 'SIGSTOP')
  try {
    for (let n = 0; n < many; n++) expect(statusOf(await client.ask(get(origin, `/${n}/${long}`)))).toBe(200)
  } finally {
    process.kill(program.pid, 'SIGCONT')
  }
  const told = /warning +log: (\d+) lines of the access log were lost/
  await program.until(() => told.test(program.diagnostics), 'the word about it')
  const lost = Number(told.exec(program.diagnostics)?.[1])
  expect(lost).toBeGreaterThan(0)
  expect(await program.stop()).toEqual({ code: 0, signal: null })
  expect(program.output.length).toBe(many - lost)
  for (const line of program.output) JSON.parse(line)
})

test('the logs of all workers are rotated by the supervisor', async () => {
  using origin = await Origin.listen(answering('ok'))
  await using program = await Program.start(TWO)
  const clients = await open(program, origin)
  program.signal('SIGHUP')
  await program.until(() => /reopening the logs/.test(program.diagnostics), 'the word about it')
  expect(await asked(clients, origin)).toHaveLength(MANY)
  await program.accessLog(2 * MANY)
})
