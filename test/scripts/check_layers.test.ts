import { expect, test } from 'vitest'
import { violations } from '../../scripts/check_layers.ts'

/** file, source, what must be said about it: a part of the only line; `null` for nothing. */
const CASES: readonly [path: string, source: string, words: string | null][] = [
  // Arrows
  ['core/http/head.ts', `import { latin1 } from '../bytes/ascii.ts'`, null],
  ['core/http/head.ts', `import { FIELD } from './fields.ts'`, null],
  ['core/http/head.ts', `import { Failure } from '../failure.ts'`, null],
  ['core/http/head.ts', `import type { Settings } from '../config/settings.ts'`, null],
  ['core/http/head.ts', `import { schema } from '../config/schema.ts'`, 'core/http may import from core/bytes'],
  ['core/http/head.ts', `import type { Name } from '../dns/name.ts'`, 'core/http may import from core/bytes'],
  ['core/http/head.ts', `export * from '../dns/name.ts'`, 'core/http may import from core/bytes'],
  ['core/http/head.ts', `export { name } from '../filter/names.ts'`, 'core/http may import from core/bytes'],
  ['core/http/head.ts', `type Name = import('../dns/name.ts').Name`, 'core/http may import from core/bytes'],
  ['core/bytes/ascii.ts', `import { FIELD } from '../http/fields.ts'`, 'core/bytes may import from nothing'],
  ['core/filter/rules.ts', `import { Head } from '../http/head.ts'`, 'core/filter may import from core/bytes'],
  ['core/flow/pool.ts', `import { Head } from '../http/head.ts'`, null],
  ['core/flow/pool.ts', `import { Exchange } from '../proxy/exchange.ts'`, 'core/flow may import from'],
  ['core/flow/pool.ts', `const proxy = import('../proxy/exchange.ts')`, 'core/flow may import from'],
  ['core/proxy/server.ts', `import { Pool } from '../flow/pool.ts'`, null],
  ['core/proxy/server.ts', `import { main } from '../cli/main.ts'`, 'core/proxy may import from'],
  ['core/control/app.ts', `import { drain } from '../service/drain.ts'`, 'core/control may import from'],
  ['core/cli/main.ts', `import { serve } from '../proxy/server.ts'`, null],
  ['core/cli/main.ts', `import { runtime } from '../../adapters/node/runtime.ts'`, 'core/cli may import from'],
  ['core/cli/main.ts', `import { runtime } from '#runtime'`, 'only adapters/main.ts picks the runtime'],
  ['core/runtime.ts', `import { HEAD_SIZE } from './limits.ts'`, 'it uses no other'],
  ['core/strays/one.ts', ``, 'a folder that is not in the table of layers'],
  ['adapters/main.ts', `import { main } from '../core/cli/main.ts'\nimport { runtime } from '#runtime'`, null],
  [
    'adapters/main.ts',
    `import { serve } from '../core/proxy/server.ts'`,
    'imports core/cli/main.ts, core/service/worker.ts',
  ],
  ['adapters/main.ts', `const work = import('../core/service/worker.ts')`, null],
  ['adapters/main.ts', `import { serve } from '../core/service/supervisor.ts'`, 'imports core/cli/main.ts, '],
  ['core/service/supervisor.ts', `import { serveControl } from '../control/serve.ts'`, null],
  ['core/service/supervisor.ts', `import { main } from '../cli/main.ts'`, 'core/service may import from'],
  ['adapters/bun/socket.ts', `import { SystemFailure } from '../../core/runtime.ts'`, null],
  ['adapters/bun/socket.ts', `import { take } from '../../core/bytes/buffers.ts'`, null],
  ['adapters/bun/socket.ts', `import { Failure } from '../../core/failure.ts'`, 'adapters/bun may import from'],
  ['adapters/bun/socket.ts', `import { Head } from '../../core/http/head.ts'`, 'adapters/bun may import from'],
  ['adapters/bun/socket.ts', `import { connect } from '../deno/connect.ts'`, 'adapters/bun may import from'],
  ['adapters/node/socket.ts', `import { connect } from '../bun/connect.ts'`, 'adapters/node may import from'],
  ['adapters/deno/connect.ts', `import { connect } from '../node/connect.ts'`, null],
  ['adapters/bun/socket.ts', `import type { Socket } from 'bun'`, null],
  ['test/http/head.test.ts', `import { Head } from '../../core/http/head.ts'`, null],

  // Packages
  ['core/config/schema.ts', `import { z } from 'zod'`, null],
  ['core/proxy/server.ts', `import { z } from 'zod'`, 'zod belongs to core/config'],
  ['core/control/app.ts', `import { Hono } from 'hono'`, null],
  ['core/proxy/server.ts', `import { cors } from 'hono/cors'`, 'hono belongs to core/control'],
  ['test/http/head.test.ts', `import { test } from 'vitest'`, null],
  ['scripts/fuzz/main.ts', `import { test } from 'vitest'`, 'vitest belongs to test'],
  ['core/http/head.ts', `import leftPad from 'left-pad'`, 'not in the table of packages'],
  ['core/proxy/log.ts', `import { getLogger } from '@logtape/logtape'`, null],

  // Runtimes
  ['core/flow/pool.ts', `import net from 'node:net'`, 'the core uses no runtime'],
  ['core/flow/pool.ts', `const net = import('node:net')`, 'the core uses no runtime'],
  ['core/flow/pool.ts', `import { ptr } from 'bun:ffi'`, 'the core uses no runtime'],
  ['core/cli/parse_args.ts', `import { parseArgs } from 'node:util'`, null],
  ['core/cli/parse_args.ts', `import { readFileSync } from 'node:fs'`, 'the core uses no runtime'],
  ['core/cli/main.ts', `import { parseArgs } from 'node:util'`, 'the core uses no runtime'],
  ['core/flow/pool.ts', `const path = 'x'; import(path)`, 'cannot be bundled'],
  ['core/flow/pool.ts', `export const here = import.meta.url`, 'import.meta differs'],
  ...['Deno', 'Bun', 'process', 'Buffer', 'setTimeout', 'setInterval', 'Date', 'performance', 'fetch', 'console'].map(
    (name): [string, string, string] => ['core/flow/pool.ts', `export const x = ${name}`, `${name} is a runtime's`],
  ),
  ['core/flow/pool.ts', `export const now = Date.now()`, `Date is a runtime's`],
  ['core/flow/pool.ts', `export type When = Date`, `Date is a runtime's`],
  ['core/flow/pool.ts', `export const all = { Date }`, `Date is a runtime's`],
  ['core/flow/pool.ts', `export const all = { Date: 1, process() {} }; all.Date; all.process()`, null],
  ['core/flow/pool.ts', `// Date, Buffer, await import('node:net')\nexport const x = 'Date'`, null],
  ['core/http/reply.ts', `export const x = new Response('')`, 'Response belongs to core/control'],
  ['core/proxy/server.ts', `export type Asked = Request`, 'Request belongs to core/control'],
  ['core/control/bridge.ts', `export const ask = (request: Request) => new Response(request.url)`, null],
  ['adapters/node/clock.ts', `export const now = () => Date.now() + process.pid`, null],
  ['scripts/build.ts', `import { readFileSync } from 'node:fs'\nconsole.log(process.argv)`, null],

  // Waiting
  ['core/http/parser.ts', `export async function next() {}`, 'async: the protocols'],
  ['core/http/parser.ts', `export const next = async () => {}`, 'async: the protocols'],
  ['core/http/parser.ts', `export class P { async next() {} }`, 'async: the protocols'],
  ['core/dns/wire.ts', `export const x: Promise<void> | null = null`, 'Promise: the protocols'],
  ['core/filter/rules.ts', `await 1`, 'await: the protocols'],
  ['core/http/parser.ts', `import type { Clock } from '../runtime.ts'`, 'takes Clock of core/runtime.ts'],
  ['core/http/parser.ts', `import * as runtime from '../runtime.ts'`, 'takes * of core/runtime.ts'],
  ['core/dns/settings.ts', `import type { Endpoint } from '../runtime.ts'`, null],
  ['core/http/parser.ts', `export function* next() { yield 1 }`, null],
  ['core/flow/tunnel.ts', `export async function pump(): Promise<void> { await 1 }`, null],

  // Types and names
  ['core/http/head.ts', `export let x: any`, 'any: say what it is'],
  ['test/http/head.test.ts', `export const x = [] as any[]`, 'any: say what it is'],
  ['adapters/bun/socket.ts', `export let x: any`, null],
  ['core/http/head.ts', `export const any = 'any'`, null],
  ['core/http/parseHead.ts', ``, 'lower case with underscores'],
  ['core/http/parse-head.ts', ``, 'lower case with underscores'],
]

test.each(CASES)('%s: %s', (path, source, words) => {
  const found = violations(path, source)
  if (words === null) return expect(found).toEqual([])
  expect(found).toHaveLength(1)
  expect(found[0]).toContain(words)
})

test('for await is seen, and each line is named', () => {
  const source =
    `export function f() {\n  async function g(x: AsyncIterable<1>) {\n    for await (const y of x) y\n  }\n  g\n}\n`
  expect(violations('core/http/parser.ts', source).map((line) => line.split(': ').slice(0, 2).join(': '))).toEqual([
    'core/http/parser.ts:2: async',
    'core/http/parser.ts:3: for await',
  ])
})
