import { afterEach, expect, test } from 'vitest'
import { toBytes } from '../../core/bytes/ascii.ts'
import { parseEndpoint } from '../../core/bytes/address.ts'
import { EXIT } from '../../core/exit_codes.ts'
import { type Endpoint, type ListenOptions, SystemFailure } from '../../core/runtime.ts'
import { serve } from '../../core/service/supervisor.ts'
import { Machine, settle } from '../memory/machine.ts'
import { Peer } from '../memory/peer.ts'
import { settingsOf } from '../proxy/world.ts'
import { Service } from './service.ts'

let service: Service | null = null
afterEach(async () => {
  const left = await service?.leftovers()
  service = null
  expect(left ?? []).toEqual([])
})

async function start(...sets: string[]): Promise<Service> {
  return service = await Service.start(...sets)
}

/** One whose workers are not ready by themselves. */
function slow(...sets: string[]): Service {
  service = new Service(sets)
  service.begins = () => {}
  return service
}

const at = (text: string) => parseEndpoint(text)!

test('each worker is told its part; when all are ready, so is the service', async () => {
  const { supervisor, machine, workers } = slow(
    'listener.http.address=127.0.0.1:0,unix:/proxy',
    'listener.http.connections=5',
  )
  let up = false
  void supervisor.start().then(() => up = true)
  await settle(20)
  expect(workers.map(({ task }) => task.id)).toEqual([1, 2])
  expect(workers.map(({ task }) => task.places.map(({ at }) => at.family))).toEqual([[4, 'unix'], [4]])
  expect(workers[0].task.places[0]).toEqual(workers[1].task.places[0])
  expect(workers[0].task.places[0].at.port).toBeGreaterThan(0)
  expect(workers.map(({ task }) => [task.shares, task.speaks])).toEqual([[true, true], [true, false]])
  expect(workers.map(({ task }) => task.settings.listener[0].connections)).toEqual([3, 3])
  const names = workers.map(({ task }) => task.settings.http.name)
  expect([names[0].startsWith('exaproxy-'), names[0] === names[1]]).toEqual([true, true])
  // The port the system has chosen is kept until both have it.
  const { port } = workers[0].task.places[0].at
  await expect(machine.listen(at(`127.0.0.1:${port}`))).rejects.toMatchObject({ code: 'in-use' })
  await workers[0].ready()
  expect([up, supervisor.workers.map(({ state }) => state)]).toEqual([false, ['ready', 'starting']])
  expect(service!.log).not.toContain('listening')
  await workers[1].ready()
  expect(up).toBe(true)
  const { log } = service!
  expect(log).toContain(`listener http listening on 127.0.0.1:${port}\n`)
  expect(log).toContain('listener http listening on unix:/proxy\n')
  expect(log).toContain('2 workers are ready engine=portable pids=1000,1001\n')
  ;(await machine.listen(at(`127.0.0.1:${port}`))).close()
})

test('a port that was kept for the workers is let go of before anybody hears of it', async () => {
  const machine = new Machine()
  const { listen } = machine
  let said: string | null = null
  service = new Service(['listener.http.address=127.0.0.1:0'], machine)
  Object.assign(machine, {
    listen: async (where: Endpoint, options?: ListenOptions) => {
      const listener = await listen(where, options)
      if (!options?.reusePort) return listener
      const { at } = listener
      const close = () => {
        said = service!.log
        listener.close()
      }
      return { at, close, next: () => listener.next(), [Symbol.asyncIterator]: () => listener }
    },
  })
  await service.supervisor.start()
  await settle()
  expect([said, service.log.includes('listening on 127.0.0.1:')]).toEqual([
    expect.not.stringContaining('listening on'),
    true,
  ])
})

test('one worker alone shares nothing, and keeps the port the system has chosen', async () => {
  const service = slow('service.workers=1', 'listener.http.address=127.0.0.1:0')
  const starting = service.supervisor.start()
  await settle(20)
  const [worker] = service.workers
  expect(worker.task).toMatchObject({ shares: false, speaks: true, places: [{ at: { port: 0 } }] })
  worker.bus.send({
    kind: 'ready',
    engine: 'portable',
    places: [{ listener: 'http', at: at('127.0.0.1:4444') }],
    snapshot: {},
  })
  await starting
  await settle()
  expect(service.log).toContain('listening on 127.0.0.1:4444\n')
  expect(service.log).toContain('a worker is ready engine=portable pid=1000\n')
  await worker.die(139)
  await settle(20)
  expect(service.worker(1).task).toMatchObject({ speaks: false, places: [{ at: { port: 4444 } }] })
})

test.each([
  { cores: 3, sharesPorts: true, workers: 'auto', count: 3, said: '3 workers are ready' },
  { cores: 3, sharesPorts: false, workers: 'auto', count: 1, said: 'info    service: one worker only: memory cannot' },
  { cores: 1, sharesPorts: false, workers: '4', count: 1, said: 'warning service: one worker, not 4: memory cannot' },
  { cores: 1, sharesPorts: false, workers: '1', count: 1, said: 'a worker is ready' },
])('workers = $workers with $cores processors (shared ports: $sharesPorts)', async (given) => {
  const machine = Object.assign(new Machine(), { cores: given.cores, sharesPorts: given.sharesPorts })
  service = new Service([`service.workers=${given.workers}`], machine)
  await service.supervisor.start()
  await settle()
  expect(service.workers.length).toBe(given.count)
  expect(service.log).toContain(given.said)
})

test.each([
  { descriptors: 64 + 2 * 50, warned: false },
  { descriptors: 64 + 2 * 50 - 1, warned: true },
])('$descriptors descriptors for 50 connections of each worker', async ({ descriptors, warned }) => {
  service = new Service(['listener.http.connections=99'], Object.assign(new Machine(), { descriptors }))
  await service.supervisor.start()
  const words = 'a worker may open 163 files and needs 164 for its connections; raise LimitNOFILE'
  expect(service.log.includes(words)).toBe(warned)
})

test('a port that is taken is told before a worker is started', async () => {
  const service = slow()
  const other = await service.machine.listen(at('127.0.0.1:3128'), { reusePort: true })
  await expect(service.supervisor.start()).rejects.toMatchObject({
    exit: EXIT.unavailable,
    message: expect.stringMatching(/^listener http cannot listen on 127\.0\.0\.1:3128: the address is in use; /),
  })
  expect(service.started).toBe(0)
  other.close()
})

/** A machine without these addresses. */
function without(...lacking: string[]): Machine {
  const machine = new Machine()
  const { network } = machine
  const listen = network.listen.bind(network)
  network.listen = (at, options) =>
    lacking.includes(at.address) ? Promise.reject(new SystemFailure('not-available', '')) : listen(at, options)
  return machine
}

const BOTH = 'listener.http.address=127.0.0.1:3128,[::1]:3128'

test.each(
  [
    ['::1', '127.0.0.1:3128', '[::1]:3128'],
    ['127.0.0.1', '[::1]:3128', '127.0.0.1:3128'],
  ] as const,
)('a default address that this machine has not is passed over: %s', async (lacking, used, left) => {
  for (const workers of [1, 2]) {
    const sets = [BOTH, `service.workers=${workers}`]
    const passing = service = new Service(sets, without(lacking), new Set(['service.workers']))
    await passing.supervisor.start()
    expect(passing.log).toContain(
      `listener http does not listen on ${left}, a default: this machine has no such address\n`,
    )
    expect(passing.log).toContain(`listener http listening on ${used}\n`)
    expect(passing.workers.map(({ task }) => task.places)).toEqual(
      Array(workers).fill([{ listener: 'http', at: at(used) }]),
    )
    // Somebody asked for it.
    const asking = new Service([BOTH], without(lacking), new Set(['listener.http.address']))
    await expect(asking.supervisor.start()).rejects.toThrow(`${left}: this machine has no such address`)
    expect(await asking.leftovers()).toEqual([])
    if (workers === 1) expect(await passing.leftovers()).toEqual([])
  }
})

test('a machine that has none of the default addresses', async () => {
  service = new Service([BOTH], without('::1', '127.0.0.1'), new Set())
  await expect(service.supervisor.start()).rejects.toThrow('127.0.0.1:3128: this machine has no such address')
})

test('a worker that cannot start stops it all, with its words and its exit code', async () => {
  const service = slow()
  const starting = service.supervisor.start()
  const failed = expect(starting).rejects.toMatchObject({ exit: 77, message: 'no permission' })
  await settle(20)
  service.workers[1].bus.send({ kind: 'failed', exit: 77, words: 'no permission' })
  await service.workers[1].end(77)
  await failed
  // What the others say is no news.
  service.workers[0].bus.send({ kind: 'failed', exit: 77, words: 'no permission' })
  await service.workers[0].end(77)
  await settle(20)
  expect(service.started).toBe(2)
  expect(service.log).not.toContain('permission')
})

test('so does one that ends without a word', async () => {
  const service = slow()
  service.before = async (io) => {
    await io.complain('SyntaxError: oops\n')
    return 1
  }
  await expect(service.supervisor.start()).rejects.toMatchObject({
    exit: EXIT.bug,
    message: 'a worker cannot start: it ended with exit code 1',
  })
  await settle(20)
  expect(service.log).toContain('warning service: worker 1 said: SyntaxError: oops pid=1000\n')
})

test('a machine that cannot start one is told in its words', async () => {
  const machine = new Machine()
  const listen = machine.listen
  const refused = (at: Endpoint) =>
    at.family === 'unix' ? Promise.reject(new SystemFailure('full', 'ENOSPC')) : listen(at)
  service = new Service([], Object.assign(machine, { listen: refused }))
  await expect(service.supervisor.start()).rejects.toMatchObject({
    exit: EXIT.unavailable,
    message: 'a worker cannot be started: full (ENOSPC)',
  })
})

test('the words of a start that fails are one line on standard error', async () => {
  const machine = new Machine()
  machine.children.programs.set('worker', () => Promise.resolve(3))
  const serving = serve(machine, settingsOf('service.workers=1', 'log.destination=/proxy.log'), '1')
  await settle(50)
  expect(await serving).toBe(EXIT.bug)
  expect(machine.errors.text).toBe('exaproxy: a worker cannot start: it ended with exit code 3\n')
})

test('one that dies is replaced at once, is told of, and what it had counted is not forgotten', async () => {
  const service = await start()
  const first = service.worker(1)
  first.snapshot = { bugs_total: 5, tunnels_open: 2 }
  service.worker(2).snapshot = { bugs_total: 1, tunnels_open: 1 }
  await service.pass(1000)
  expect(service.supervisor.total).toMatchObject({ bugs_total: 6, tunnels_open: 3, memory_bytes: 50_000_000 })
  await first.die(137)
  await settle(20)
  expect(service.worker(1)).not.toBe(first)
  expect(service.log).toContain(
    'worker 1 was ended by SIGKILL; its connections are lost, another takes its place pid=1000\n',
  )
  expect(service.log).toMatch(/info +service: worker 1 is ready again pid=1002 engine=portable\n/)
  expect(service.supervisor.workers).toMatchObject([
    {
      id: 1,
      pid: 1002,
      state: 'ready',
      restarts: 1,
      runtime: 'memory 0',
      engine: 'portable',
      snapshot: { memory_bytes: 1 },
    },
    { id: 2, pid: 1001, state: 'ready', restarts: 0 },
  ])
  expect(service.supervisor.total).toMatchObject({ bugs_total: 6, tunnels_open: 1 })
})

test.each([
  [0, /info +service: worker 1 has ended; another takes its place/],
  [1, /error +service: worker 1 ended with exit code 1; its connections are lost/],
  [139, /error +service: worker 1 was ended by SIGSEGV; its connections are lost/],
  [178, /error +service: worker 1 was ended by signal 50; its connections are lost/],
])('an end with code %i', async (code, words) => {
  const service = await start()
  await service.worker(1).die(code)
  expect(service.log).toMatch(words)
})

test('one that keeps dying young waits a little longer each time', async () => {
  const service = await start('service.workers=1')
  const gaps: number[] = []
  for (let death = 0; death < 9; death++) {
    const died = service.machine.clock.now()
    const { started } = service
    await service.worker(1).die(1)
    while (service.started === started) await service.pass(50)
    gaps.push(service.machine.clock.now() - died)
    await settle(20)
  }
  expect(gaps).toEqual([0, 100, 200, 400, 800, 1600, 3200, 5000, 5000])
  // One that has lived is not young any more.
  await service.pass(5000)
  const { started } = service
  await service.worker(1).die(1)
  await settle(20)
  expect(service.started).toBe(started + 1)
})

test('one that does not answer for ten pulses is killed; one that answers late is not', async () => {
  const service = await start()
  const [hangs, late] = [service.worker(1), service.worker(2)]
  hangs.answers = late.answers = false
  await service.pass(9_500)
  late.answers = true
  await service.pass(1_000)
  late.answers = false
  await service.pass(5_000)
  expect(service.worker(2)).toBe(late)
  expect(service.worker(1)).not.toBe(hangs)
  expect(service.log).toContain('error   service: worker 1 hangs and is killed pid=1000\n')
  expect(service.log).not.toContain('worker 2 hangs')
})

test('one that is not ready within five minutes is killed, whether it came in or not', async () => {
  const service = await start('service.workers=1')
  service.begins = () => {}
  await service.worker(1).die(137)
  await service.pass(299_000)
  expect(service.started).toBe(2)
  service.before = () => new Promise(() => {})
  await service.pass(2_000)
  expect(service.started).toBe(3)
  await service.pass(300_000)
  expect(service.started).toBeGreaterThan(3)
  expect(service.log.split('worker 1 was not ready in time and is killed').length - 1).toBe(2)
})

test('one that leaves by itself is replaced while it finishes', async () => {
  const service = await start()
  const old = service.worker(1)
  old.snapshot = { bugs_total: 1 }
  old.bus.send({ kind: 'leaving' })
  await settle(20)
  expect(service.worker(1)).not.toBe(old)
  expect(service.supervisor.workers).toMatchObject([{ state: 'ready', restarts: 1 }, { state: 'ready', restarts: 0 }])
  await service.pass(1000)
  expect(service.supervisor.total).toMatchObject({ bugs_total: 1 })
  old.snapshot = { bugs_total: 2 }
  await service.pass(1000)
  await old.end()
  expect(service.supervisor.total).toMatchObject({ bugs_total: 2 })
  expect(service.started).toBe(3)
  // The service stops when all have ended, those that left included.
  const next = service.worker(1)
  next.bus.send({ kind: 'leaving' })
  await settle(20)
  service.raise('SIGTERM')
  await settle()
  await service.worker(1).end()
  await service.worker(2).end()
  expect(service.stopped).toBe(false)
  await next.end()
  expect(service.stopped).toBe(true)
})

test.each([['SIGTERM', 30_000], ['SIGINT', 30_000], ['SIGQUIT', 0]] as const)('%s', async (signal, limit) => {
  const service = await start()
  service.raise(signal)
  await settle()
  for (const worker of service.workers) expect(worker.heard).toContainEqual({ kind: 'drain', limit })
  expect(service.supervisor.workers.map(({ state }) => state)).toEqual(['draining', 'draining'])
  expect(service.supervisor.draining).toBe(true)
  await service.worker(1).end()
  expect(service.stopped).toBe(false)
  await service.worker(2).end()
  expect(service.stopped).toBe(true)
  expect(service.started).toBe(2)
})

test('SIGHUP has all workers read the files of the filter again', async () => {
  const service = await start()
  service.raise('SIGHUP')
  service.raise('SIGUSR1')
  await settle()
  expect(service.workers.map(({ heard }) => heard.filter(({ kind }) => kind === 'reload').length)).toEqual([1, 1])
})

test('a second signal stops at once; SIGQUIT is none', async () => {
  const service = await start()
  service.raise('SIGTERM')
  service.raise('SIGQUIT')
  await settle()
  const stop = { kind: 'stop' }
  expect(service.worker(1).heard).not.toContainEqual(stop)
  service.raise('SIGINT')
  await settle()
  expect(service.workers.map(({ heard }) => heard.filter(({ kind }) => kind === 'stop').length)).toEqual([1, 1])
  expect(service.log).toContain('SIGINT again: stopping at once')
})

test.each(
  [
    { signals: ['SIGTERM'], ms: 10_000 + 5_000 },
    { signals: ['SIGTERM', 'SIGTERM'], ms: 5_000 },
    { signals: ['SIGQUIT', 'SIGTERM'], ms: 5_000 },
  ] as const,
)('a worker that does not end after $signals is killed', async ({ signals, ms }) => {
  const service = await start('service.drain_timeout=10s')
  for (const signal of signals) service.raise(signal)
  const words = 'worker 1 did not end in time and is killed'
  await service.pass(ms - 1)
  expect(service.log).not.toContain(words)
  await service.pass(1)
  expect(service.log).toContain(words)
  // A kernel would close its sockets at once.
  await service.pass(1000)
  expect(service.stopped).toBe(true)
})

test('one that says it is through and does not end is killed', async () => {
  const service = await start('service.workers=1')
  await service.worker(1).bus.end()
  await service.pass(5_000)
  await settle(20)
  expect(service.started).toBe(2)
})

test.each(['before it comes in', 'before it is ready'])('a stop while a worker starts, %s', async (when) => {
  const service = slow()
  if (when === 'before it comes in') service.before = () => new Promise(() => {})
  const starting = service.supervisor.start()
  await settle(20)
  service.raise('SIGTERM')
  await starting
  await settle()
  for (const worker of service.workers) {
    expect(worker.heard).toContainEqual({ kind: 'drain', limit: 30_000 })
    await worker.end()
  }
  expect(service.stopped).toBe(true)
  expect(service.started).toBe(2)
  expect(service.log).not.toMatch(/error|warning/)
})

test('a stop while one that keeps dying is waited for', async () => {
  const service = await start('service.workers=1')
  for (let i = 0; i < 2; i++) {
    await service.worker(1).die(1)
    await settle(20)
  }
  service.raise('SIGTERM')
  await settle()
  expect(service.stopped).toBe(true)
})

test('lines of the workers are written by the supervisor, and its logs reopened', async () => {
  const service = await start()
  const [one, other] = service.workers
  one.bus.send({ kind: 'access', bytes: toBytes('a\nb\n') })
  other.bus.send({ kind: 'access', bytes: toBytes('c\n') })
  other.bus.send({ kind: 'diagnostics', bytes: toBytes('d\n') })
  await settle()
  expect(service.accessLog).toBe('a\nb\nc\n')
  expect(service.log).toMatch(/\nd\n$/)
  for (const signal of ['SIGHUP', 'SIGUSR1'] as const) {
    service.machine.files.move('/access.log', '/access.log.1')
    service.raise(signal)
    await settle()
    one.bus.send({ kind: 'access', bytes: toBytes(`${signal}\n`) })
    await settle()
    expect(service.accessLog).toBe(`${signal}\n`)
  }
})

test('a full disk costs lines, which are counted', async () => {
  const service = await start()
  service.machine.files.failures.set('/access.log', 'full')
  service.worker(1).bus.send({ kind: 'access', bytes: toBytes('a\nb\n') })
  await settle()
  expect(service.supervisor.total).toMatchObject({ log_lines_lost_total: 2 })
  expect(service.log).toContain('the access log cannot be written, lines are being lost destination=/access.log')
  service.machine.files.failures.clear()
  await service.pass(1000)
  service.worker(1).bus.send({ kind: 'access', bytes: toBytes('c\n') })
  await service.pass(1000)
  expect(service.accessLog).toMatch(/c\n$/)
})

test('what a worker says elsewhere is told in the log, line by line', async () => {
  const service = await start()
  await service.worker(2).io.complain('FATAL ERROR: heap\nlimit\n\nhalf')
  await service.worker(2).io.write('and this\n')
  await settle()
  expect(service.log).toContain('warning service: worker 2 said: FATAL ERROR: heap pid=1001\n')
  expect(service.log).toContain('worker 2 said: limit pid=1001\n')
  expect(service.log).toContain('worker 2 said: and this pid=1001\n')
})

test('a worker that talks nonsense is killed and replaced', async () => {
  const service = await start('service.workers=1')
  const first = service.worker(1)
  first.bus.send({ kind: 'nonsense' as 'stop' })
  await settle(20)
  expect(service.worker(1)).not.toBe(first)
  expect(service.log).toMatch(/error +service: worker 1 talks nonsense and is killed/)
})

test('the process id is the supervisor’s', async () => {
  const service = await start('service.pid_file=/run/pid')
  expect(service.machine.files.text('/run/pid')).toBe('1\n')
  expect(await service.leftovers()).toEqual([])
  expect(await service.machine.files.status('/run/pid')).toBeNull()
})

test('a process id that cannot be written stops it', async () => {
  const service = slow('service.pid_file=/run/pid')
  service.begins = (worker) => void worker.ready()
  service.machine.files.failures.set('/run/pid', 'denied')
  await expect(service.supervisor.start()).rejects.toMatchObject({
    exit: EXIT.no_permission,
    message: expect.stringContaining('service.pid_file: /run/pid may not be opened'),
  })
})

test('statistics are asked for, and those who do not answer are not waited for', async () => {
  const service = await start()
  const [one, other] = service.workers
  one.snapshot = { bugs_total: 1 }
  other.snapshot = { bugs_total: 10 }
  other.answers = false
  let refreshed = false
  void service.supervisor.refresh().then(() => refreshed = true)
  await service.pass(999)
  expect(refreshed).toBe(false)
  await service.pass(1)
  expect([refreshed, service.supervisor.total]).toMatchObject([true, { bugs_total: 1 }])
  other.answers = true
  await service.supervisor.refresh()
  expect(service.supervisor.total).toMatchObject({ bugs_total: 11 })
})

test('the control application is served here, and nobody reaches it through a worker', async () => {
  const service = await start('admin.address=127.0.0.1:0')
  const [, port] = /the control application listens on 127\.0\.0\.1:(\d+)\n/.exec(service.log) ?? []
  await service.worker(2).die(1)
  await settle(20)
  expect(service.workers).toHaveLength(3)
  for (const { task } of service.workers) expect(task.reserved).toEqual([at(`127.0.0.1:${port}`)])
  const client = new Peer(await service.machine.connect(at(`127.0.0.1:${port}`)).socket)
  await client.send('GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n')
  expect(await client.news()).toMatch(/^HTTP\/1\.1 200 /)
  service.raise('SIGTERM')
  await client.send('GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n')
  expect(await client.news()).toMatch(/^HTTP\/1\.1 503 [^]*stopping/)
  await client.close()
})

test('the control application says how far the start is, and how well it goes on', async () => {
  const service = slow('admin.address=127.0.0.1:9999')
  const starting = service.supervisor.start()
  await settle(20)
  const client = new Peer(await service.machine.connect(at('127.0.0.1:9999')).socket)
  const ready = async (): Promise<string> => {
    await client.send('GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n')
    return (await client.news()).replace(/ [^]*\r\n\r\n/, ' ')
  }
  expect(await ready()).toBe('HTTP/1.1 {"ready":false,"why":"the service is starting"}')
  await service.worker(2).ready()
  // One that takes connections is enough.
  expect(await ready()).toBe('HTTP/1.1 {"ready":true,"why":""}')
  await service.worker(1).ready()
  await starting
  await service.worker(1).die(1)
  await service.worker(2).die(1)
  await settle(20)
  expect(await ready()).toBe('HTTP/1.1 {"ready":false,"why":"no worker is ready"}')
  await service.worker(1).ready()
  expect(await ready()).toBe('HTTP/1.1 {"ready":true,"why":""}')
  await client.close()
})

test('a place of the control application that is taken: fatal when it was asked for, a warning when not', async () => {
  const service = slow('admin.address=127.0.0.1:9999')
  service.begins = (worker) => void worker.ready()
  const other = await service.machine.listen(at('127.0.0.1:9999'))
  await expect(service.supervisor.start()).rejects.toMatchObject({
    exit: EXIT.unavailable,
    message: expect.stringMatching(
      /^the control application cannot listen on 127\.0\.0\.1:9999: the address is in use/,
    ),
  })
  other.close()
  expect(await service.leftovers()).toEqual([])

  const machine = new Machine()
  const squatter = await machine.listen(at('127.0.0.1:8080'))
  const second = new Service([], machine)
  await second.supervisor.start()
  await settle()
  expect(second.log).toMatch(
    /warning service: the control application cannot listen on .*:8080: .* in use.*; see admin\.address/,
  )
  squatter.close()
  expect(await second.leftovers()).toEqual([])
})
