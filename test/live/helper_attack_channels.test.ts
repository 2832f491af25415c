import { describe, expect, test } from 'vitest'
import { attackable, get, LATER, misbehaves, missing, program, start, tally } from './attack.ts'
import { RawClient } from './raw.ts'
import { PATIENCE, within } from './waiting.ts'

attackable()

describe.skipIf(missing !== '')(`helpers that misbehave${missing}`, () => {
  describe('with channels', () => misbehaves(16))

  test('2,000 clients at once', { timeout: 4 * PATIENCE }, async () => {
    for (const [mode, answer] of [['is good', '200'], ['never reads', LATER]] as const) {
      await start(mode, { concurrency: 16, timeout: '3s' })
      const before = program.memory().now
      const clients: RawClient[] = []
      for (let i = 0; i < 2000; i += 100) {
        clients.push(...await Promise.all(Array.from({ length: 100 }, () => RawClient.connect(program.port()))))
      }
      const asked = Promise.all(clients.map((client) => get('/', 'http', client)))
      for (let i = 0; i < 20; i++) expect(await get('/', 'good')).toBe('200')
      expect(tally(await within(asked, 'all answers', undefined, 3 * PATIENCE))).toEqual({ [answer]: 2000 })
      expect(program.memory().now - before).toBeLessThan(250_000_000)
      for (const client of clients) client.close()
      await program[Symbol.asyncDispose]()
    }
  })
})
