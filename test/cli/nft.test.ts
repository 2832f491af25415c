import { expect, test } from 'vitest'
import { main } from '../../core/cli/main.ts'
import { EXIT } from '../../core/exit_codes.ts'
import { machine } from './machine.ts'

const WEB = '[listener.web]\nmode = "transparent"\ncapture = "tproxy"\naddress = "127.0.0.1:3129"\n'

async function nft(text: string, ...words: string[]) {
  const { runtime, printed, complained } = machine(['nft', '-c', 'a', ...words], { files: { a: text } })
  return { code: await main(runtime, () => Promise.resolve(99)), printed: printed(), complained: complained() }
}

test('the rules', async () => {
  const { code, printed, complained } = await nft(WEB)
  expect({ code, complained }).toEqual({ code: EXIT.ok, complained: '' })
  expect(printed).toMatch(/^# exaproxy nft \| nft -f -\n.*tproxy ip to 127\.0\.0\.1:3129/s)
})

test('the routes', async () => {
  const { code, printed } = await nft(WEB, '--ip')
  expect(code).toBe(EXIT.ok)
  expect(printed).toMatch(/^# exaproxy nft --ip \| sh\n.*\nip -4 rule add /s)
})

test.each([
  ['nothing is captured', '', EXIT.configuration, 'no listener captures'],
  [
    'ports are missing',
    WEB.replace('transparent', 'passthrough'),
    EXIT.configuration,
    'listener.web.capture_ports is missing',
  ],
  [
    'a port that nobody knows before the start',
    WEB.replace('"127.0.0.1:3129"', '["127.0.0.1:3129", "[::1]:0"]'),
    EXIT.configuration,
    'listener.web.address needs a port',
  ],
])('%s', async (_, text, code, words) => {
  const said = await nft(text)
  expect(said).toMatchObject({ code, printed: '' })
  expect(said.complained).toContain(words)
})

test('too many arguments, and an option of its own', async () => {
  expect(await nft(WEB, 'more')).toMatchObject({ code: EXIT.usage })
  const { runtime, complained } = machine(['config', '--ip'], {})
  expect(await main(runtime, () => Promise.resolve(0))).toBe(EXIT.usage)
  expect(complained()).toContain('--ip belongs to exaproxy nft')
})
