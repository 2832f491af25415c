/**
 * The conformance suite: every case of test/cases through the running program, whole, and with each side sending byte by
 * byte. A case has origins of its own; programs are shared by the cases of one configuration.
 */

import { Buffer } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Case } from './cases.ts'
import { allCases, CASES, filled } from './cases.ts'
import { NameServer } from './name_server.ts'
import { answering, Origin } from './origin.ts'
import type { Pace, Stage } from './play.ts'
import { Play } from './play.ts'
import { Program } from './program.ts'

const RULES = 112
const cases = allCases()
const programs = new Map<string, Promise<Program>>()
let check: Origin
/** What one connection leaves behind, the next one is to find: both have the same worker. */
const ALONE = { EXAPROXY_SERVICE_WORKERS: '1', EXAPROXY_ADMIN_ADDRESS: 'off' }

let names: NameServer
let runs = 0

beforeAll(async () => {
  check = await Origin.listen(answering('kept'))
  names = await NameServer.listen({
    'origin.test': { a: ['127.0.0.1'] },
    'www.origin.test': { a: ['127.0.0.1'] },
    'local.test': { a: ['127.0.0.2'] },
    'private.test': { a: ['10.0.0.1'] },
    'local6.test': { aaaa: ['::1'] },
    'rebind-*.test': [{ a: ['127.0.0.1'], ttl: 0 }, { a: ['10.0.0.1'], ttl: 0 }],
    'empty.test': {},
    'failing.test': { code: 'SERVFAIL' },
    'silent.test': { silent: true },
  })
})

afterAll(async () => {
  for (const program of programs.values()) await (await program)[Symbol.asyncDispose]()
  check.close()
  names.close()
})

describe.each([...new Set(cases.map(({ file }) => file))])('%s', (file) => {
  for (const one of cases.filter((c) => c.file === file)) {
    for (const value of one.each?.values ?? ['']) {
      const title = Buffer.from(
        `${one.numbers.join(', ')} ${one.title}${one.each === null ? '' : ` [${value}]`}`,
        'latin1',
      ).toString()
      for (const pace of paces(one)) test(`${title} (${pace})`, () => perform(one, value, pace))
    }
  }
})

/** Byte by byte only where that side says anything. */
function paces(one: Case): Pace[] {
  const says = (side: string) => one.steps.some(({ actor, verb }) => actor.startsWith(side) && verb === '>')
  const list: Pace[] = ['whole']
  if (says('client')) list.push('client byte by byte')
  if (says('origin')) list.push('origin byte by byte')
  return list
}

async function perform(one: Case, value: string, pace: Pace): Promise<void> {
  const origins = await Play.origins()
  const text = readFileSync(join(CASES, `${one.configuration}.toml`), 'utf8')
  const values: Record<string, string> = { check: check.authority, dns: names.authority, refusing: '127.0.0.1:1' }
  for (const [name, origin] of origins) values[name] = origin.authority
  // A configuration that names the case's origins is a program of its own.
  const own = /\{origin2?\}/.test(text)
  const starting = (own ? undefined : programs.get(one.configuration)) ??
    Program.start(filled(text, values), { addresses: 1, environment: ALONE })
  if (!own) programs.set(one.configuration, starting)
  // One that could not start, or has crashed, is started again for the next case.
  const forget = () => programs.delete(one.configuration)
  const program = await starting.catch((problem) => {
    forget()
    throw problem
  })
  try {
    const { host, port, listener } = program.listening[0]
    values.proxy = `${host}:${port}`
    values.proxy_port = String(port)
    values.run = String(++runs)
    const stage: Stage = { host, port, values, check, form: listener === 'reverse' ? 'origin' : 'absolute' }
    await new Play(one, value, pace, stage, origins).run()
    expect(program.ended, program.diagnostics).toBeNull()
  } finally {
    if (program.ended !== null) forget()
    if (own) await program[Symbol.asyncDispose]()
  }
}

describe('the table of rules', () => {
  const rows = [...readFileSync(join(CASES, 'README.md'), 'utf8').matchAll(/^\|\s*(\d+)\s*\|(.+)\|(.+)\|$/gm)]
  const covered = new Set(cases.flatMap(({ numbers }) => numbers))

  test('has a row for each of the 112 rules, in order', () => {
    expect(rows.map(([, number]) => Number(number))).toEqual(Array.from({ length: RULES }, (_, i) => i + 1))
  })

  test.each(rows.map(([, number, rule, where]) => [Number(number), rule.trim(), where.trim()] as const))(
    'says truly where rule %d is tested',
    (number, _rule, where) => {
      if (where.startsWith('cases')) expect(covered, `no case for ${number}`).toContain(number)
      else expect(where, `rule ${number} needs a sentence why it has no case`).toMatch(/^\S.{20,}\.$/)
      if (covered.has(number)) expect(where, `there are cases for ${number}`).toMatch(/^cases/)
    },
  )
})
