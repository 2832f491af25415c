/** The command line of the real program: its sub-commands, its streams, its exit codes. */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, describe, expect, test } from 'vitest'
import { COMMAND, PROGRAM } from './program.ts'

const folder = mkdtempSync(join(tmpdir(), 'exaproxy-command-'))
afterAll(() => rmSync(folder, { recursive: true }))

const file = join(folder, 'exa proxy.toml')
writeFileSync(file, '[http]\nvia = false\nname = "file"\n')

/** In a folder of its own, so that no file is found by chance. */
function run(command: readonly string[], environment: Record<string, string> = {}) {
  const [program = '', ...args] = command
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, ...environment },
    encoding: 'utf8',
    timeout: 20_000,
  })
  return { code: status, output: stdout, errors: stderr }
}

const exaproxy = (args: readonly string[], environment?: Record<string, string>) =>
  run([...COMMAND, ...args], environment)

describe(`the command line, ${PROGRAM}`, () => {
  test('file, environment and --set, in that order of strength', () => {
    const args = [
      'config',
      '--diff',
      '--config',
      file,
      '--set',
      'listener.http.address=127.0.0.1:3129',
      '-s',
      'http.name=set',
    ]
    expect(exaproxy(args, { EXAPROXY_HTTP_NAME: 'variable', EXAPROXY_OUTGOING_CONNECT_PORTS: '443,8443' })).toEqual({
      code: 0,
      output: `[listener.http]
address = ["127.0.0.1:3129"]  # --set

[outgoing]
connect_ports = [443, 8443]  # EXAPROXY_OUTGOING_CONNECT_PORTS

[http]
via = false   # ${file}:2
name = "set"  # --set
`,
      errors: '',
    })
  })

  test('what it prints is a configuration file', () => {
    const whole = join(folder, 'whole.toml')
    writeFileSync(whole, exaproxy(['config', '--config', file]).output)
    expect(exaproxy(['config', 'check', whole])).toEqual({ code: 0, output: `${whole}: fine\n`, errors: '' })
  })

  test('a wrong file', () => {
    const wrong = join(folder, 'wrong.toml')
    writeFileSync(wrong, '[outgoing]\nprefer = "ipv5"\n')
    const line = `${wrong}:2: outgoing.prefer: "ipv5" is not one of "auto", "ipv4", "ipv6"\n`
    expect(exaproxy(['config', 'check', wrong])).toEqual({ code: 78, output: line, errors: '' })
    const errors = `${line}exaproxy: a problem in the configuration\n`
    expect(exaproxy(['--config', wrong])).toEqual({ code: 78, output: '', errors })
  })

  test('a missing file, a folder', () => {
    const errors = 'exaproxy: there is no configuration file nothing.toml\n'
    expect(exaproxy(['--config', 'nothing.toml'])).toEqual({ code: 66, output: '', errors })
    expect(exaproxy(['--config', folder]).code).toBe(66)
  })

  test('an unknown option, an unknown variable', () => {
    expect(exaproxy(['--confg', file]).code).toBe(64)
    expect(exaproxy(['config'], { EXAPROXY_HTTP_VAI: 'no' })).toMatchObject({
      code: 78,
      errors: expect.stringContaining('EXAPROXY_HTTP_VAI: is not an option; did you mean EXAPROXY_HTTP_VIA?\n'),
    })
  })

  test('a reader that has left is no reason for a stack', () => {
    // The reading end of the pipe is closed before the program starts.
    const script = 'exec 3> >(:); wait $!; exec "$@" >&3'
    expect(run(['bash', '-c', script, 'bash', ...COMMAND, 'config', 'schema'])).toEqual({
      code: 74,
      output: '',
      errors: '',
    })
  })

  test('a full disk is one line', () => {
    const outcome = run(['bash', '-c', 'exec "$@" > /dev/full', 'bash', ...COMMAND, 'config'])
    expect(outcome).toMatchObject({
      code: 74,
      output: '',
      errors: expect.stringMatching(/^exaproxy: standard output cannot be written: full.*\n$/),
    })
  })

  test('a long output arrives whole', () => {
    expect(JSON.parse(exaproxy(['config', 'schema']).output)).toMatchObject({ title: 'ExaProxy' })
  })
})
