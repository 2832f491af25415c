/** The access log of the running program: its lines, its rotation, and a disk that is full. */

import { existsSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { answering, Origin } from './origin.ts'
import { newFolder } from './peers.ts'
import { Program } from './program.ts'
import { RawClient } from './raw.ts'
import { until } from './waiting.ts'
import { statusOf } from './wire.ts'

const get = (origin: Origin, path: string) =>
  `GET http://${origin.authority}${path} HTTP/1.1\r\nHost: ${origin.authority}\r\n\r\n`

const lines = (file: string) => existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter((l) => l !== '') : []

test('one line of JSON an exchange, what was refused too', async () => {
  using origin = await Origin.listen(answering('ok'))
  await using program = await Program.start()
  using client = await RawClient.connect(program.port())
  await client.ask(get(origin, '/x?secret'))
  await client.ask('GET http://127.0.0.1:1/ HTTP/1.1\r\nHost: a\r\n\r\n')
  using bad = await RawClient.connect(program.port())
  await bad.ask('nonsense\r\n\r\n')
  const text = (await program.accessLog(3)).map((line) => JSON.stringify(line))
  expect(text[0]).toMatch(/\/x/)
  expect(text[0]).not.toMatch(/secret/)
  expect(text[1]).toMatch(/502/)
  expect(text[1]).toMatch(/connect-refused/)
  expect(text[2]).toMatch(/bad-request/)
})

test("Squid's format", async () => {
  using origin = await Origin.listen(answering('ok'))
  await using program = await Program.start({ access_log: { format: 'squid' } })
  using client = await RawClient.connect(program.port())
  await client.ask(get(origin, '/x'))
  await program.until(() => program.output.length > 0, 'a line')
  expect(program.output[0]).toMatch(
    /^\d{10}\.\d{3} {1,6}\d+ 127\.0\.0\.1 TCP_MISS\/200 \d+ GET http:\/\/127\.0\.0\.1:\d+\/x - HIER_DIRECT\/127\.0\.0\.1 text\/plain$/,
  )
})

test.each(['SIGHUP', 'SIGUSR1'] as const)('rotated by rename and %s, no line is lost or torn', async (signal) => {
  using origin = await Origin.listen(answering('ok'))
  const file = join(newFolder(), 'access.log')
  await using program = await Program.start({ access_log: { destination: file } })
  using client = await RawClient.connect(program.port())
  let asked = 0
  const ask = async (count: number) => {
    for (let n = 0; n < count; n++) await client.ask(get(origin, `/${asked++}`))
  }
  await ask(300)
  renameSync(file, `${file}.1`)
  await ask(300)
  program.signal(signal)
  await ask(300)
  await until(() => existsSync(file), 'a new file')
  await ask(300)
  await program.stop()
  const all = [...lines(`${file}.1`), ...lines(file)]
  expect(all.length).toBe(asked)
  for (const [index, line] of all.entries()) expect(JSON.stringify(JSON.parse(line))).toMatch(new RegExp(`/${index}"`))
  expect(lines(file).length).toBeGreaterThanOrEqual(300)
})

test('a full disk costs lines, not requests', async () => {
  using origin = await Origin.listen(answering('ok'))
  await using program = await Program.start({ access_log: { destination: '/dev/full' } })
  using client = await RawClient.connect(program.port())
  for (let count = 0; count < 2000; count++) expect(statusOf(await client.ask(get(origin, `/${count}`)))).toBe(200)
  await program.until(() => /\/dev\/full/.test(program.diagnostics), 'a word about the full disk')
  expect(statusOf(await client.ask(get(origin, '/last')))).toBe(200)
  expect(await program.stop()).toEqual({ code: 0, signal: null })
})

test('a reader that stops reading standard output costs nobody a request', async () => {
  using origin = await Origin.listen(answering('ok'))
  await using program = await Program.start()
  program.child.stdout?.pause()
  using client = await RawClient.connect(program.port())
  for (let count = 0; count < 3000; count++) expect(statusOf(await client.ask(get(origin, `/${count}`)))).toBe(200)
  program.child.stdout?.destroy()
  for (let count = 0; count < 300; count++) expect(statusOf(await client.ask(get(origin, `/${count}`)))).toBe(200)
  expect(program.ended).toBeNull()
})
