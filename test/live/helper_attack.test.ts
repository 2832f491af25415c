import { describe, expect, test } from 'vitest'
import { attackable, get, LATER, many, misbehaves, missing, program, start, tally } from './attack.ts'

attackable()

describe.skipIf(missing !== '')(`helpers that misbehave${missing}`, () => {
  describe('without channels', () => misbehaves(0))

  test('answers to channels that nobody has are nobody’s', async () => {
    await start('answers another', { concurrency: 16 })
    expect(tally(await many(30))).toEqual({ [LATER]: 30 })
  })

  test('a line without end is not kept', async () => {
    await start('writes a line without end')
    expect(tally(await many(20))).toEqual({ [LATER]: 20 })
    expect(program.diagnostics).toContain('a line of more than 1048576 bytes')
  })

  test.each([['permit', '200'], ['deny', '403'], ['unavailable', LATER]])(
    'on_error = "%s" is %s',
    async (on_error, answer) => {
      await start('sleeps', { on_error, timeout: '200ms' })
      expect(tally(await many(5))).toEqual({ [answer]: 5 })
    },
  )

  test('a program that does not exist is said once', async () => {
    await start('', { program: ['/nowhere/guard', '-c', 'x'], timeout: '300ms' })
    expect(tally(await many(50))).toEqual({ [LATER]: 50 })
    await program.until(() => program.diagnostics.includes('does not run'), 'a word about it')
    expect(program.diagnostics.match(/does not run/g)?.length).toBe(1)
    expect(await get('/', 'good')).toBe('200')
  })
})
