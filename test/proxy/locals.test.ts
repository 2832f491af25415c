import { expect, test } from 'vitest'
import { schema, toSettings } from '../../core/config/schema.ts'
import { loadPages } from '../../core/proxy/pages.ts'
import { Proxy } from '../../core/proxy/proxy.ts'
import { Machine } from '../memory/machine.ts'

test('addresses this machine gets later are its own, too', async () => {
  let addresses = ['127.0.0.1', '192.0.2.7']
  const machine = Object.assign(new Machine(), { addresses: () => addresses })
  const settings = toSettings(schema.parse({}))
  const bugs: unknown[] = []
  const proxy = new Proxy(machine, settings, await loadPages(machine, settings.http), (error) => bugs.push(error))
  expect(proxy.destinations.refuses('192.0.2.7', 80)).toBe('local-refused')
  addresses = ['127.0.0.1', '192.0.2.8']
  await machine.clock.advance(11_000)
  expect(proxy.destinations.refuses('192.0.2.8', 80)).toBe('local-refused')
  expect(proxy.destinations.refuses('192.0.2.7', 80)).toBeNull()
  proxy.close()
  expect(bugs).toEqual([])
})
