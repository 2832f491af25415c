import { describe, expect, test } from 'vitest'
import type { DnsSettings } from '../../core/config/settings.ts'
import type { Message, Resource } from '../../core/dns/message.ts'
import { RCODE, TYPE } from '../../core/dns/message.ts'
import { Failure } from '../../core/failure.ts'
import { Resolver } from '../../core/flow/resolver.ts'
import { answer, type Asked, Machine, record, type Script, settle, soa } from './machine.ts'

const A = '127.0.0.1:53'
const B = '127.0.0.2:53'

const SETTINGS: DnsSettings = {
  servers: [A],
  timeout: 2000,
  retries: 2,
  ttl_min: 0,
  ttl_max: 86_400_000,
  negative_ttl_max: 3_600_000,
  stale: 0,
  cache_size: 1000,
  fqdn_only: true,
  hosts: false,
  hosts_file: '/etc/hosts',
  resolv_conf: '/etc/resolv.conf',
}

function setUp(
  scripts: Record<string, Script>,
  settings: Partial<DnsSettings> = {},
  warn?: (words: string) => void,
): [Machine, Resolver] {
  const machine = new Machine()
  for (const [label, script] of Object.entries(scripts)) machine.servers.set(label, script)
  return [machine, new Resolver(machine.runtime, { ...SETTINGS, servers: Object.keys(scripts), ...settings }, warn)]
}

/** Answers each question with these records of its type, or with none. */
function serve(...records: Resource[]): (asked: Asked) => void {
  return (asked) => {
    const { type } = asked.message.questions[0]
    asked.reply(answer(asked, { answers: records.filter((each) => each.type === type || each.type === TYPE.CNAME) }))
  }
}

const says = (parts: Partial<Message>) => (asked: Asked) => asked.reply(answer(asked, parts))
const good = serve(record('www.x.test', 'A', '192.0.2.1'), record('www.x.test', 'AAAA', '2001:db8::1'))
const silent: Script = () => {}

async function failure(machine: Machine, promise: Promise<unknown>): Promise<Failure & { ms: number }> {
  const { error, ms, value } = await machine.outcome(promise)
  expect(value).toBeUndefined()
  expect(error).toBeInstanceOf(Failure)
  return Object.assign(error as Failure, { ms })
}

/** Nothing is left behind: no socket, and no timer once it has noticed. */
async function expectClean(machine: Machine): Promise<void> {
  await machine.advance(60)
  expect(machine.open.size).toBe(0)
  expect(machine.timers.size).toBe(0)
}

describe('a name with addresses', () => {
  test('is asked for once, then known', async () => {
    const [machine, resolver] = setUp({ [A]: good })
    expect(resolver.cached('www.x.test', 4)).toBeNull()
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['192.0.2.1'])
    expect((await machine.outcome(resolver.lookup('WWW.X.test.', 6))).value).toEqual(['2001:db8::1'])
    expect(resolver.cached('www.x.test', 4)).toEqual(['192.0.2.1'])
    expect(resolver.cached('WWW.x.test', 6)).toEqual(['2001:db8::1'])
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['192.0.2.1'])
    expect(machine.log).toEqual([`${A} udp www.x.test A`, `${A} udp www.x.test AAAA`])
    await expectClean(machine)
  })

  test('is asked for once by many at a time', async () => {
    const [machine, resolver] = setUp({ [A]: good })
    const all = await machine.outcome(Promise.all(Array.from({ length: 50 }, () => resolver.lookup('www.x.test', 4))))
    expect(all.value).toHaveLength(50)
    expect(machine.log).toHaveLength(1)
  })
})

describe('a name without', () => {
  test.each([
    ['that does not exist', { rcode: RCODE.NXDOMAIN, authorities: [soa('x.test', 60, 30)] }, 30],
    ['that does not exist, a low minimum', { rcode: RCODE.NXDOMAIN, authorities: [soa('x.test', 20, 900)] }, 20],
  ])('%s: the SOA says for how long', async (_, parts, seconds) => {
    const [machine, resolver] = setUp({ [A]: says(parts) })
    const first = await failure(machine, resolver.lookup('www.x.test', 4))
    expect([first.code, first.detail]).toEqual(['name-not-found', `"www.x.test" does not exist (said ${A})`])
    expect(resolver.cached('www.x.test', 4)).toBeNull()
    await machine.advance(seconds * 1000 - 100)
    expect((await failure(machine, resolver.lookup('www.x.test', 4))).code).toBe('name-not-found')
    expect(machine.log).toHaveLength(1)
    await machine.advance(200)
    expect((await failure(machine, resolver.lookup('www.x.test', 4))).code).toBe('name-not-found')
    expect(machine.log).toHaveLength(2)
  })

  test('an address of one family: none, for as long as the SOA says', async () => {
    const [machine, resolver] = setUp({ [A]: says({ authorities: [soa('x.test', 10)] }) })
    expect((await machine.outcome(resolver.lookup('www.x.test', 6))).value).toEqual([])
    expect(resolver.cached('www.x.test', 6)).toEqual([])
    expect(resolver.cached('www.x.test', 4)).toBeNull()
    await machine.advance(10_100)
    expect(resolver.cached('www.x.test', 6)).toBeNull()
  })

  test('a SOA: not kept at all', async () => {
    const [machine, resolver] = setUp({ [A]: says({ rcode: RCODE.NXDOMAIN }) })
    expect((await failure(machine, resolver.lookup('www.x.test', 4))).code).toBe('name-not-found')
    expect((await failure(machine, resolver.lookup('www.x.test', 4))).code).toBe('name-not-found')
    expect(machine.log).toHaveLength(2)
  })

  test('negative answers are kept no longer than configured', async () => {
    const parts = { rcode: RCODE.NXDOMAIN, authorities: [soa('x.test', 3600)] }
    const [machine, resolver] = setUp({ [A]: says(parts) }, { negative_ttl_max: 5000 })
    await failure(machine, resolver.lookup('www.x.test', 4))
    await machine.advance(5100)
    await failure(machine, resolver.lookup('www.x.test', 4))
    expect(machine.log).toHaveLength(2)
  })
})

describe('a time to live', () => {
  test.each([
    ['the shortest of the records', 0, 86_400_000, [10, 300], 10_000],
    ['no shorter than configured', 60_000, 86_400_000, [10, 300], 60_000],
    ['no longer than configured', 0, 5000, [10, 300], 5000],
    ['none where its first bit is set', 60_000, 86_400_000, [0xffff_ffff, 0xffff_fffe], 60_000],
    ['none at 0', 0, 86_400_000, [0, 300], 0],
  ])('is %s', async (_, ttl_min, ttl_max, ttls, ms) => {
    const records = ttls.map((ttl, i) => record('www.x.test', 'A', `192.0.2.${i}`, ttl))
    const [machine, resolver] = setUp({ [A]: serve(...records) }, { ttl_min, ttl_max })
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toHaveLength(2)
    if (ms > 0) {
      await machine.advance(ms - 100)
      expect(resolver.cached('www.x.test', 4)).toHaveLength(2)
    }
    await machine.advance(200)
    expect(resolver.cached('www.x.test', 4)).toBeNull()
  })
})

describe('aliases', () => {
  const chain = (length: number): Resource[] =>
    Array.from({ length }, (_, i) => record(`a${i}.x.test`, 'CNAME', `A${i + 1}.x.test`, 100 - i))

  test.each([[1], [12]])('%i in one answer', async (length) => {
    const [machine, resolver] = setUp({ [A]: serve(...chain(length), record(`a${length}.x.TEST`, 'A', '192.0.2.1')) })
    expect((await machine.outcome(resolver.lookup('a0.x.test', 4))).value).toEqual(['192.0.2.1'])
    expect(machine.log).toHaveLength(1)
    await machine.advance((100 - length) * 1000)
    expect(resolver.cached('a0.x.test', 4)).not.toBeNull()
    await machine.advance(1100)
    expect(resolver.cached('a0.x.test', 4)).toBeNull()
  })

  test.each([[12, true], [13, false]])('%i over as many answers', async (length, works) => {
    const records = [...chain(length), record(`a${length}.x.test`, 'A', '192.0.2.1')]
    const [machine, resolver] = setUp({
      [A]: (asked) => {
        const name = asked.message.questions[0].name.toLowerCase()
        asked.reply(answer(asked, { answers: records.filter((each) => each.name.toLowerCase() === name) }))
      },
    })
    const looked = resolver.lookup('a0.x.test', 4)
    if (works) expect((await machine.outcome(looked)).value).toEqual(['192.0.2.1'])
    else expect((await failure(machine, looked)).detail).toContain('from alias to alias')
    expect(machine.log.length).toBe(13)
    await expectClean(machine)
  })

  test.each([
    ['to itself', [record('a0.x.test', 'CNAME', 'A0.x.test')]],
    ['in a ring', [record('a0.x.test', 'CNAME', 'a1.x.test'), record('a1.x.test', 'CNAME', 'a0.x.test')]],
    ['too many', chain(13)],
  ])('%s: refused', async (_, records) => {
    const [machine, resolver] = setUp({ [A]: serve(...records) })
    const { code, detail } = await failure(machine, resolver.lookup('a0.x.test', 4))
    expect(code).toBe('name-failed')
    expect(detail).toBe(`"a0.x.test" leads from alias to alias, more than 12 (said ${A})`)
  })

  test('to a name that does not exist', async () => {
    const answers = [record('www.x.test', 'CNAME', 'gone.x.test')]
    const [machine, resolver] = setUp({
      [A]: says({ rcode: RCODE.NXDOMAIN, answers, authorities: [soa('x.test', 9)] }),
    })
    const { code, detail } = await failure(machine, resolver.lookup('www.x.test', 4))
    expect(code).toBe('name-not-found')
    expect(detail).toBe(`"gone.x.test", which "www.x.test" is an alias of, does not exist (said ${A})`)
  })

  test('to a name without an address, as the SOA says', async () => {
    const answers = [record('www.x.test', 'CNAME', 'none.x.test')]
    const [machine, resolver] = setUp({ [A]: says({ answers, authorities: [soa('x.test', 9)] }) })
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual([])
    expect(machine.log).toHaveLength(1)
  })

  test('records of other names, types and classes are not taken', async () => {
    const [machine, resolver] = setUp({
      [A]: says({
        answers: [
          record('other.x.test', 'A', '192.0.2.66'),
          record('www.x.test', 'AAAA', '2001:db8::66'),
          { ...record('www.x.test', 'A', '192.0.2.67'), class: 3 },
          record('other.x.test', 'CNAME', 'www.x.test'),
          record('www.x.test', 'A', '192.0.2.1'),
          record('www.x.test', 'A', '192.0.2.1'),
        ],
        additionals: [record('www.x.test', 'A', '192.0.2.68')],
        authorities: [record('www.x.test', 'A', '192.0.2.69')],
      }),
    })
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['192.0.2.1'])
  })

  test('an IPv4 address in an AAAA record is not taken', async () => {
    const answers = [record('www.x.test', 'AAAA', '::ffff:127.0.0.1'), record('www.x.test', 'AAAA', '2001:db8::1')]
    const [machine, resolver] = setUp({ [A]: says({ answers }) })
    expect((await machine.outcome(resolver.lookup('www.x.test', 6))).value).toEqual(['2001:db8::1'])
  })
})

describe('what does not match is dropped', () => {
  const forged = [record('www.x.test', 'A', '192.0.2.66')]
  const forgeries: [string, (asked: Asked) => Uint8Array][] = [
    ['a wrong id', (asked) => answer(asked, { id: asked.message.id ^ 1, answers: forged })],
    ['a wrong name', (asked) => {
      const questions = [{ ...asked.message.questions[0], name: 'www.y.test' }]
      return answer(asked, { questions, answers: [record('www.y.test', 'A', '192.0.2.66')] })
    }],
    ['a wrong type', (asked) => {
      return answer(asked, { questions: [{ ...asked.message.questions[0], type: TYPE.AAAA }], answers: forged })
    }],
    ['a wrong class', (asked) => {
      return answer(asked, { questions: [{ ...asked.message.questions[0], class: 3 }], answers: forged })
    }],
    ['no question', (asked) => answer(asked, { questions: [], answers: forged })],
    ['two questions', (asked) => {
      const [question] = asked.message.questions
      return answer(asked, { questions: [question, question], answers: forged })
    }],
    ['a query', (asked) => answer(asked, { response: false, answers: forged })],
    ['another opcode', (asked) => answer(asked, { opcode: 5, answers: forged })],
    ['nothing', () => new Uint8Array(0)],
    ['11 bytes', (asked) => answer(asked).slice(0, 11)],
    ['half a question', (asked) => answer(asked).slice(0, 20)],
    ['a question that points at itself', (asked) => {
      const bytes = answer(asked, { answers: forged })
      bytes[12] = 0xc0
      bytes[13] = 12
      return bytes
    }],
  ]
  test.each(forgeries)('%s', async (_, forge) => {
    const [machine, resolver] = setUp({
      [A]: (asked) => {
        asked.reply(forge(asked))
        good(asked)
      },
    })
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['192.0.2.1'])
    expect(machine.log).toHaveLength(1)
    await expectClean(machine)
  })

  test('nothing but forgeries is silence', async () => {
    const [machine, resolver] = setUp({ [A]: (asked) => forgeries.forEach(([, forge]) => asked.reply(forge(asked))) })
    const { code, detail, ms } = await failure(machine, resolver.lookup('www.x.test', 4))
    expect(code).toBe('name-timeout')
    expect(detail).toBe(`"www.x.test" could not be resolved: ${A} did not answer`)
    expect(ms).toBeLessThanOrEqual(6000)
  })

  test('each attempt has an id and letters of its own', async () => {
    const ids = new Set<number>()
    const names = new Set<string>()
    const [machine, resolver] = setUp({
      [A]: ({ message }) => {
        ids.add(message.id)
        names.add(message.questions[0].name)
      },
    }, { retries: 5 })
    await failure(machine, resolver.lookup('a-quite-long-name.x.test', 4))
    expect(ids.size).toBe(6)
    expect(names.size).toBe(6)
    expect([...names].some((name) => /[A-Z]/.test(name) && /[a-z]/.test(name))).toBe(true)
  })
})

describe('the case of letters', () => {
  const lower = (asked: Asked): void => {
    const [question] = asked.message.questions
    const questions = [{ ...question, name: question.name.toLowerCase() }]
    asked.reply(answer(asked, { questions, answers: [record(questions[0].name, 'A', '192.0.2.1')] }))
  }

  test('a wrong one is not believed: TCP is asked', async () => {
    const [machine, resolver] = setUp({
      [A]: (asked) => {
        if (asked.transport === 'tcp') return good(asked)
        const [question] = asked.message.questions
        const questions = [{ ...question, name: question.name.toUpperCase() }]
        asked.reply(answer(asked, { questions, answers: [record('www.x.test', 'A', '192.0.2.66')] }))
      },
    })
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['192.0.2.1'])
    expect(machine.log).toEqual([`${A} udp www.x.test A`, `${A} tcp www.x.test A`])
    await expectClean(machine)
  })

  test('a server that never keeps it is found out, and asked without', async () => {
    const [machine, resolver] = setUp({ [A]: lower })
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['192.0.2.1'])
    expect((await machine.outcome(resolver.lookup('www.y.test', 4))).value).toEqual(['192.0.2.1'])
    expect(machine.log).toEqual([`${A} udp www.x.test A`, `${A} tcp www.x.test A`, `${A} udp www.y.test A`])
  })

  test('also where TCP hangs', async () => {
    const [machine, resolver] = setUp({ [A]: (asked) => asked.transport === 'udp' ? lower(asked) : undefined })
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['192.0.2.1'])
    await expectClean(machine)
  })

  test('also where TCP is shut', async () => {
    const [machine, resolver] = setUp({ [A]: (asked) => asked.transport === 'udp' ? lower(asked) : asked.close() })
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['192.0.2.1'])
    expect(machine.log).toEqual([`${A} udp www.x.test A`, `${A} tcp www.x.test A`, `${A} udp www.x.test A`])
  })
})

describe('a broken answer', () => {
  // A name at 12 and a record whose name is a pointer: to itself, ahead, past the end, into the header.
  test.each([['itself', 0xc01c], ['ahead', 0xc030], ['past the end', 0xffff], ['the header', 0xc000]])(
    'a name that points at %s: the next server is asked at once',
    async (_, pointer) => {
      const broken = (asked: Asked): void => {
        const bytes = answer(asked, { answers: [record(asked.message.questions[0].name, 'A', '192.0.2.66')] })
        const at = 12 + 'www.x.test'.length + 2 + 4
        expect([bytes[at], bytes[at + 1]]).toEqual([0xc0, 12])
        bytes[at] = pointer >> 8
        bytes[at + 1] = pointer & 0xff
        asked.reply(bytes)
      }
      const [machine, resolver] = setUp({ [A]: broken, [B]: good })
      const { value, ms } = await machine.outcome(resolver.lookup('www.x.test', 4))
      expect(value).toEqual(['192.0.2.1'])
      expect(ms).toBe(0)
      const [other, alone] = setUp({ [A]: broken })
      const { code, detail } = await failure(other, alone.lookup('www.x.test', 4))
      expect(code).toBe('name-failed')
      expect(detail).toContain(`${A} sent an answer that cannot be read: it `)
    },
  )

  test('cut anywhere, nothing of it is used', async () => {
    for (let size = 12 + 'www.x.test'.length + 2 + 4; size < 48; size++) {
      const [machine, resolver] = setUp({
        [A]: (asked) => {
          const bytes = answer(asked, { answers: [record(asked.message.questions[0].name, 'A', '192.0.2.66')] })
          expect(size).toBeLessThan(bytes.length + 5)
          if (size >= bytes.length) return good(asked)
          asked.reply(bytes.slice(0, size))
        },
        [B]: good,
      })
      expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['192.0.2.1'])
    }
  })
})

describe('truncation', () => {
  const many = Array.from({ length: 200 }, (_, i) => record('www.x.test', 'A', `192.0.2.${i}`))
  const cut = (asked: Asked): void => asked.reply(answer(asked, { truncated: true, answers: many.slice(0, 3) }))

  test('leads to TCP, where 200 addresses come', async () => {
    const [machine, resolver] = setUp({
      [A]: (asked) => asked.transport === 'udp' ? cut(asked) : serve(...many)(asked),
    })
    const { value } = await machine.outcome(resolver.lookup('www.x.test', 4))
    expect(value).toEqual(many.map((_, i) => `192.0.2.${i}`))
    expect(machine.log).toEqual([`${A} udp www.x.test A`, `${A} tcp www.x.test A`])
    await expectClean(machine)
  })

  test('TCP in pieces, cut everywhere', async () => {
    const answers = [record('www.x.test', 'A', '192.0.2.1')]
    for (let at = 1; at < 40; at++) {
      const [machine, resolver] = setUp({
        [A]: (asked) => {
          if (asked.transport === 'udp') return cut(asked)
          const bytes = answer(asked, { answers })
          const whole = new Uint8Array([bytes.length >> 8, bytes.length & 0xff, ...bytes])
          asked.raw(whole.slice(0, at))
          asked.raw(whole.slice(at, at + 1))
          asked.raw(whole.slice(at + 1))
        },
      })
      expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['192.0.2.1'])
    }
  })

  test.each<[string, (asked: Asked) => void, string]>([
    ['closes at once', (asked) => asked.close(), 'closed the connection'],
    [
      'closes in the middle',
      (asked) => (asked.raw(new Uint8Array([0, 50, 1])), asked.close()),
      'closed the connection',
    ],
    ['answers something else', (asked) => asked.raw(new Uint8Array([0, 3, 1, 2, 3])), 'answered something else'],
    ['answers nothing', (asked) => asked.raw(new Uint8Array([0, 0])), 'answered something else'],
    ['is cut short, too', cut, 'could not be resolved'],
  ])('TCP that %s: the next server', async (what, tcp, words) => {
    const script = (asked: Asked): void => asked.transport === 'udp' ? cut(asked) : tcp(asked)
    const [machine, resolver] = setUp({ [A]: script, [B]: good })
    const { value, ms } = await machine.outcome(resolver.lookup('www.x.test', 4))
    // Over TCP there is nothing to be cut short by: the bit is not looked at.
    expect(value).toEqual(what === 'is cut short, too' ? many.slice(0, 3).map((_, i) => `192.0.2.${i}`) : ['192.0.2.1'])
    expect(ms).toBe(0)
    if (what === 'is cut short, too') return
    const [other, alone] = setUp({ [A]: script })
    const { code, detail } = await failure(other, alone.lookup('www.x.test', 4))
    expect(code).toBe('name-failed')
    expect(detail).toContain(words)
    await expectClean(other)
  })

  test('TCP has the time it takes: no other server is asked meanwhile', async () => {
    const late: Asked[] = []
    const [machine, resolver] = setUp({
      [A]: (asked) => asked.transport === 'udp' ? cut(asked) : void late.push(asked),
      [B]: good,
    })
    const looked = resolver.lookup('www.x.test', 4)
    await machine.advance(600)
    serve(...many)(late[0])
    expect((await machine.outcome(looked)).value).toHaveLength(200)
    expect(machine.log).toEqual([`${A} udp www.x.test A`, `${A} tcp www.x.test A`])
  })

  test('TCP that hangs: the next server, not much later', async () => {
    const [machine, resolver] = setUp({ [A]: (asked) => asked.transport === 'udp' ? cut(asked) : undefined, [B]: good })
    const { value, ms } = await machine.outcome(resolver.lookup('www.x.test', 4))
    expect(value).toEqual(['192.0.2.1'])
    expect(ms).toBeLessThan(1000)
    await expectClean(machine)
  })
})

describe('EDNS', () => {
  test('is asked with, 1232 bytes', async () => {
    const [machine, resolver] = setUp({
      [A]: (asked) => {
        expect(asked.message.edns?.size).toBe(1232)
        good(asked)
      },
    })
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['192.0.2.1'])
  })

  test.each([
    ['FORMERR', (asked: Asked) => asked.reply(answer(asked, { rcode: RCODE.FORMERR }))],
    ['FORMERR without the question', (asked: Asked) => asked.reply(answer(asked, { rcode: 1, questions: [] }))],
    ['NOTIMP', (asked: Asked) => asked.reply(answer(asked, { rcode: RCODE.NOTIMP }))],
    ['BADVERS', (asked: Asked) => asked.reply(answer(asked, { rcode: RCODE.BADVERS, edns: asked.message.edns }))],
  ])('is left out after %s, and from then on', async (_, refuse) => {
    const [machine, resolver] = setUp({
      [A]: (asked) =>
        asked.message.edns === null
          ? serve(record(asked.message.questions[0].name, 'A', '192.0.2.1'))(asked)
          : refuse(asked),
    })
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['192.0.2.1'])
    expect(machine.log).toHaveLength(2)
    expect((await machine.outcome(resolver.lookup('www.y.test', 4))).value).toEqual(['192.0.2.1'])
    expect(machine.log).toHaveLength(3)
  })

  test('FORMERR to a query without it is no help', async () => {
    const [machine, resolver] = setUp({ [A]: says({ rcode: RCODE.FORMERR }), [B]: good })
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['192.0.2.1'])
    expect(machine.log.map((line) => line.slice(0, 12))).toEqual([A, A, B])
  })

  test('is left out where silence may come of it', async () => {
    const [machine, resolver] = setUp({ [A]: (asked) => asked.message.edns === null ? good(asked) : undefined })
    const { value, ms } = await machine.outcome(resolver.lookup('www.x.test', 4))
    expect(value).toEqual(['192.0.2.1'])
    expect(ms).toBeLessThan(500)
  })
})

describe('servers', () => {
  test.each<[string, Script]>([['silent', silent], ['not there', 'refused']])(
    'a dead one (%s) beside a live one costs one short wait at most',
    async (what, script) => {
      const [machine, resolver] = setUp({
        [A]: script,
        [B]: (asked) => serve(record(asked.message.questions[0].name, 'A', '192.0.2.1'))(asked),
      })
      const first = await machine.outcome(resolver.lookup('a.x.test', 4))
      expect(first.value).toEqual(['192.0.2.1'])
      expect(first.ms).toBeLessThanOrEqual(what === 'silent' ? 450 : 0)
      for (let i = 0; i < 100; i++) {
        const { value, ms } = await machine.outcome(resolver.lookup(`a${i}.x.test`, 4))
        expect(value).toEqual(['192.0.2.1'])
        expect(ms).toBe(0)
        await machine.advance(100)
      }
      // Asked aside now and then, ever more seldom: at 1, 3 and 7 s, say.
      const [down] = resolver.statistics.servers
      expect(down.queries).toBeGreaterThan(2)
      expect(down.queries).toBeLessThan(7)
      expect(down).toMatchObject({ server: A, answers: 0, down: true })
      await machine.advance(3000)
      await expectClean(machine)
    },
  )

  test('one that is back is found out by the question asked aside, and asked first again', async () => {
    const live = (asked: Asked): void => serve(record(asked.message.questions[0].name, 'A', '192.0.2.1'))(asked)
    const [machine, resolver] = setUp({ [A]: silent, [B]: live })
    await machine.outcome(resolver.lookup('a.x.test', 4))
    machine.servers.set(A, live)
    await machine.outcome(resolver.lookup('b.x.test', 4))
    expect(machine.log.at(-1)).toBe(`${B} udp b.x.test A`)
    await machine.advance(1000)
    await machine.outcome(resolver.lookup('c.x.test', 4))
    expect(machine.log.slice(-2).sort()).toEqual([`${A} udp c.x.test A`, `${B} udp c.x.test A`])
    await machine.outcome(resolver.lookup('d.x.test', 4))
    expect(machine.log.at(-1)).toBe(`${A} udp d.x.test A`)
    expect(resolver.statistics.servers[0].down).toBe(false)
  })

  test('a late answer is as good as another, and shows that the server lives', async () => {
    const late: Asked[] = []
    const [machine, resolver] = setUp({ [A]: (asked) => void late.push(asked), [B]: silent })
    const looked = resolver.lookup('www.x.test', 4)
    await machine.advance(1000)
    good(late[0])
    expect((await machine.outcome(looked)).value).toEqual(['192.0.2.1'])
    expect(resolver.statistics.servers.map((each) => each.down)).toEqual([false, true])
    await expectClean(machine)
  })

  test('one slow name does not put a server that answers others in the wrong', async () => {
    const [machine, resolver] = setUp({
      [A]: (asked) => {
        const { name } = asked.message.questions[0]
        if (!name.toLowerCase().startsWith('slow')) serve(record(name, 'A', '192.0.2.1'))(asked)
      },
      [B]: good,
    })
    const slow = resolver.lookup('slow.x.test', 4).catch(() => [])
    await machine.advance(200)
    await machine.outcome(resolver.lookup('fast.x.test', 4))
    await machine.advance(500)
    expect(resolver.statistics.servers[0].down).toBe(false)
    await machine.outcome(slow)
  })

  test('all silent: the time is up no later than timeout x (1 + retries)', async () => {
    for (const retries of [0, 1, 4]) {
      const [machine, resolver] = setUp({ [A]: silent, [B]: silent }, { retries, timeout: 1000 })
      const { code, detail, ms } = await failure(machine, resolver.lookup('www.x.test', 4))
      expect(code).toBe('name-timeout')
      expect(detail).toBe(`"www.x.test" could not be resolved: ${A} did not answer; ${B} did not answer`)
      expect(ms).toBeLessThanOrEqual(1000 * (1 + retries) + 50)
      expect(ms).toBeGreaterThanOrEqual(1000)
      // Each of them is asked once, however few the retries.
      expect(machine.log).toHaveLength(Math.max(2, 1 + retries))
      // Where all are down none is asked aside: it will be asked anyway.
      await machine.advance(10_000)
      await failure(machine, resolver.lookup('www.y.test', 4))
      expect(machine.log).toHaveLength(2 * Math.max(2, 1 + retries))
      await expectClean(machine)
    }
  })

  test('all not there: no wait for the whole time', async () => {
    const [machine, resolver] = setUp({ [A]: 'refused', [B]: 'refused' })
    const { code, detail, ms } = await failure(machine, resolver.lookup('www.x.test', 4))
    expect(code).toBe('name-failed')
    expect(detail).toContain(`${A} is not there (connection refused); ${B} is not there (connection refused)`)
    expect(ms).toBeLessThan(2000)
  })

  test('one that is about to start is asked again a little later, not at once', async () => {
    const [machine, resolver] = setUp({ [A]: 'refused' })
    const looked = resolver.lookup('www.x.test', 4)
    await machine.advance(100)
    expect(resolver.statistics.servers[0].queries).toBe(1)
    machine.servers.set(A, good)
    expect((await machine.outcome(looked)).value).toEqual(['192.0.2.1'])
  })

  test.each([['SERVFAIL', RCODE.SERVFAIL], ['REFUSED', RCODE.REFUSED], ['NOTIMP', RCODE.NOTIMP], ['RCODE 9', 9]])(
    '%s: the next one is asked at once',
    async (words, rcode) => {
      const [machine, resolver] = setUp({ [A]: says({ rcode }), [B]: good })
      const { value, ms } = await machine.outcome(resolver.lookup('www.x.test', 4))
      expect(value).toEqual(['192.0.2.1'])
      expect(ms).toBe(0)
      const [other, both] = setUp({ [A]: says({ rcode }), [B]: says({ rcode: RCODE.SERVFAIL }) })
      const { code, detail } = await failure(other, both.lookup('www.x.test', 4))
      expect(code).toBe('name-failed')
      expect(detail).toBe(`"www.x.test" could not be resolved: ${A} said ${words}; ${B} said SERVFAIL`)
    },
  )

  test('SERVFAIL, then good, from the only one', async () => {
    const [machine, resolver] = setUp({ [A]: (asked) => asked.turn === 0 ? says({ rcode: 2 })(asked) : good(asked) })
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['192.0.2.1'])
  })

  test('a referral is no answer', async () => {
    const referral = { recursionAvailable: false, authorities: [record('x.test', 'NS', 'ns.x.test')] }
    const [machine, resolver] = setUp({ [A]: says(referral), [B]: good })
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['192.0.2.1'])
  })

  test('a failure is remembered, longer each time in a row', async () => {
    let rcode: number = RCODE.SERVFAIL
    const [machine, resolver] = setUp({ [A]: (asked) => rcode === 0 ? good(asked) : says({ rcode })(asked) })
    const asks = async (): Promise<boolean> => {
      const before = machine.log.length
      await failure(machine, resolver.lookup('www.x.test', 4))
      return machine.log.length > before
    }
    for (const ms of [1000, 2000, 4000, 5000, 5000]) {
      expect(await asks()).toBe(true)
      await machine.advance(ms - 50)
      expect(await asks()).toBe(false)
      await machine.advance(100)
    }
    rcode = 0
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['192.0.2.1'])
  })
})

describe('an old answer', () => {
  const settings = { stale: 3_600_000 }
  const once = record('www.x.test', 'A', '192.0.2.1', 10)

  test('is used when nobody answers, after 1.8 s', async () => {
    const [machine, resolver] = setUp({ [A]: serve(once) }, settings)
    await machine.outcome(resolver.lookup('www.x.test', 4))
    machine.servers.set(A, silent)
    await machine.advance(11_000)
    expect(resolver.cached('www.x.test', 4)).toBeNull()
    const { value, ms } = await machine.outcome(resolver.lookup('www.x.test', 4))
    expect(value).toEqual(['192.0.2.1'])
    expect(ms).toBeGreaterThanOrEqual(1800)
    expect(ms).toBeLessThan(1900)
    // Whoever comes while the question is still open need not wait as long.
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).ms).toBe(0)
    // Once it has failed, the old answer is fresh for a while, and nobody is asked.
    await machine.advance(6000)
    const asked = machine.log.length
    expect(resolver.cached('www.x.test', 4)).toEqual(['192.0.2.1'])
    await machine.advance(25_000)
    expect(machine.log).toHaveLength(asked)
    expect(resolver.cached('www.x.test', 4)).toBeNull()
    await expectClean(machine)
  })

  test('is used at once when the servers say that they cannot', async () => {
    const [machine, resolver] = setUp({ [A]: serve(once) }, settings)
    await machine.outcome(resolver.lookup('www.x.test', 4))
    machine.servers.set(A, says({ rcode: RCODE.SERVFAIL }))
    await machine.advance(11_000)
    const { value, ms } = await machine.outcome(resolver.lookup('www.x.test', 4))
    expect(value).toEqual(['192.0.2.1'])
    expect(ms).toBe(0)
    expect(resolver.statistics.stale).toBe(1)
  })

  test('is not used against a new one, nor against "no such name"', async () => {
    const [machine, resolver] = setUp({ [A]: serve(once) }, settings)
    await machine.outcome(resolver.lookup('www.x.test', 4))
    machine.servers.set(A, serve(record('www.x.test', 'A', '192.0.2.2', 10)))
    await machine.advance(11_000)
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['192.0.2.2'])
    machine.servers.set(A, says({ rcode: RCODE.NXDOMAIN }))
    await machine.advance(11_000)
    expect((await failure(machine, resolver.lookup('www.x.test', 4))).code).toBe('name-not-found')
  })

  test('is not used once it is too old, or where that is switched off', async () => {
    for (const stale of [0, 5000]) {
      const [machine, resolver] = setUp({ [A]: serve(once) }, { stale })
      await machine.outcome(resolver.lookup('www.x.test', 4))
      machine.servers.set(A, says({ rcode: RCODE.SERVFAIL }))
      await machine.advance(10_000 + stale + 100)
      expect((await failure(machine, resolver.lookup('www.x.test', 4))).code).toBe('name-failed')
    }
  })
})

describe('names', () => {
  test.each([
    ['localhost', 'name-refused', '"localhost" has no dot'],
    ['test.', 'name-refused', '"test." has no dot'],
    ['a..b', 'name-not-found', '"a..b" has an empty label'],
    ['.a.b', 'name-not-found', '".a.b" has an empty label'],
    [`${'a'.repeat(64)}.test`, 'name-not-found', 'label longer than 63'],
    ['www.x test', 'name-not-found', 'holds a character'],
    ['1.2.3', 'name-not-found', 'ends in a number'],
    ['', 'name-not-found', '"" is empty'],
  ])('%j: %s', async (name, code, words) => {
    const [machine, resolver] = setUp({ [A]: good })
    const { code: said, detail } = await failure(machine, resolver.lookup(name, 4))
    expect(said).toBe(code)
    expect(detail).toContain(words)
    expect(resolver.cached(name, 4)).toBeNull()
    expect(machine.log).toHaveLength(0)
  })

  test.each([
    [`${'a'.repeat(63)}.test`],
    [`${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`],
    ['_dmarc.a-b.x.test'],
  ])('%s is asked for', async (name) => {
    const [machine, resolver] = setUp({ [A]: serve(record(name, 'A', '192.0.2.1')) })
    expect((await machine.outcome(resolver.lookup(name, 4))).value).toEqual(['192.0.2.1'])
  })

  test('an address is its own answer', async () => {
    const [machine, resolver] = setUp({ [A]: good })
    for (
      const [text, family, expected] of [
        ['192.0.2.1', 4, ['192.0.2.1']],
        ['192.0.2.1', 6, []],
        ['2001:DB8:0::1', 6, ['2001:db8::1']],
        ['2001:db8::1', 4, []],
        ['::ffff:192.0.2.1', 4, ['192.0.2.1']],
      ] as const
    ) {
      expect((await machine.outcome(resolver.lookup(text, family))).value).toEqual(expected)
      expect(resolver.cached(text, family)).toEqual(expected)
    }
    expect(machine.log).toHaveLength(0)
  })

  test('IDN: asked for as A-labels, whichever way it was written', async () => {
    const [machine, resolver] = setUp({ [A]: serve(record('xn--bcher-kva.x.test', 'A', '192.0.2.1')) })
    expect((await machine.outcome(resolver.lookup('Bücher.x.test', 4))).value).toEqual(['192.0.2.1'])
    expect(resolver.cached('BÜCHER.x.test', 4)).toEqual(['192.0.2.1'])
    expect(resolver.cached('xn--bcher-kva.x.test', 4)).toEqual(['192.0.2.1'])
    expect(machine.log).toEqual([`${A} udp xn--bcher-kva.x.test A`])
  })

  test('localhost is this machine, and nobody is asked', async () => {
    const [machine, resolver] = setUp({ [A]: good }, { fqdn_only: false })
    expect((await machine.outcome(resolver.lookup('localhost', 4))).value).toEqual(['127.0.0.1'])
    expect((await machine.outcome(resolver.lookup('LOCALHOST.', 6))).value).toEqual(['::1'])
    expect((await machine.outcome(resolver.lookup('any.localhost', 4))).value).toEqual(['127.0.0.1'])
    expect(machine.log).toHaveLength(0)
  })
})

describe('files', () => {
  test('hosts come before everything, and are followed', async () => {
    const [machine, resolver] = setUp({ [A]: good }, { hosts: true })
    machine.files.set('/etc/hosts', '10.0.0.1 www.x.test\n10.0.0.9 any.localhost\n')
    expect(resolver.cached('www.x.test', 4)).toBeNull()
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['10.0.0.1'])
    expect((await machine.outcome(resolver.lookup('WWW.X.test', 6))).value).toEqual([])
    expect((await machine.outcome(resolver.lookup('any.localhost', 4))).value).toEqual(['10.0.0.9'])
    expect(resolver.cached('www.x.test', 4)).toEqual(['10.0.0.1'])
    expect(machine.log).toHaveLength(0)
    const looks = machine.looks
    await machine.advance(1900)
    expect(resolver.cached('www.x.test', 4)).toEqual(['10.0.0.1'])
    expect(machine.looks).toBe(looks)
    // Looked at again when it is due; read again only when it has changed.
    await machine.advance(200)
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['10.0.0.1'])
    expect(machine.looks).toBe(looks + 1)
    machine.files.set('/etc/hosts', '10.0.0.2 www.x.test\n')
    await machine.advance(2100)
    expect(resolver.cached('www.x.test', 4)).toBeNull()
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['10.0.0.2'])
    machine.files.delete('/etc/hosts')
    await machine.advance(2100)
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['192.0.2.1'])
    machine.files.set('/etc/hosts', '10.0.0.3 www.x.test\n')
    await machine.advance(2100)
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['10.0.0.3'])
    expect(resolver.cached('www.x.test', 4)).toEqual(['10.0.0.3'])
  })

  test('resolv.conf says whom to ask, and is followed', async () => {
    const [machine, resolver] = setUp({ [A]: good, [B]: serve(record('www.x.test', 'A', '192.0.2.2')) }, {
      servers: [],
    })
    machine.files.set('/etc/resolv.conf', 'nameserver 127.0.0.2\n')
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['192.0.2.2'])
    machine.files.set('/etc/resolv.conf', 'nameserver 127.0.0.1\n')
    await machine.advance(2100)
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['192.0.2.1'])
    expect(resolver.statistics.servers.map((each) => each.server)).toEqual([A])
  })

  test('files that may not be read: as if they were not there, or as they were', async () => {
    const [machine, resolver] = setUp({ [A]: good }, { servers: [], hosts: true })
    machine.denied.add('/etc/hosts').add('/etc/resolv.conf')
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['192.0.2.1'])
    machine.denied.clear()
    machine.files.set('/etc/hosts', '10.0.0.1 www.x.test\n')
    await machine.advance(2100)
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['10.0.0.1'])
    machine.denied.add('/etc/hosts')
    await machine.advance(2100)
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['10.0.0.1'])
  })

  test('without resolv.conf, or a server in it, this machine is asked, and that is told', async () => {
    const told: string[] = []
    const [machine, resolver] = setUp({ [A]: good }, { servers: [], hosts: true }, (words) => told.push(words))
    const path = '/etc/resolv.conf'
    const steps: readonly [change: () => void, words: string][] = [
      [() => {}, 'is not there'],
      [() => machine.files.set(path, 'nameserver 127.0.0.1\n'), ''],
      [() => machine.files.set(path, '# nobody\nsearch x.test\n'), 'names no server'],
      [() => machine.files.set(path, 'nameserver 127.0.0.1\n\n'), ''],
      // What was read before holds.
      [() => machine.denied.add(path), ''],
      [() => {
        machine.denied.clear()
        machine.files.delete(path)
      }, 'is not there'],
    ]
    for (const [change, words] of steps) {
      change()
      for (let i = 0; i < 2; i++) {
        await machine.advance(2100)
        expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['192.0.2.1'])
      }
      expect(told.splice(0)).toEqual(words === '' ? [] : [`${path} ${words}, so that names are asked of 127.0.0.1`])
    }
  })

  test('one that cannot be read from the start', async () => {
    const told: string[] = []
    const [machine, resolver] = setUp({ [A]: good }, { servers: [] }, (words) => told.push(words))
    machine.denied.add('/etc/resolv.conf')
    for (let i = 0; i < 2; i++) {
      await machine.advance(2100)
      expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toEqual(['192.0.2.1'])
    }
    expect(told).toEqual(['/etc/resolv.conf cannot be read (denied (EACCES)), so that names are asked of 127.0.0.1'])
  })

  test('the search list is for names without a dot, where those are allowed', async () => {
    const [machine, resolver] = setUp({
      [A]: (asked) => {
        const name = asked.message.questions[0].name.toLowerCase()
        if (name === 'www.b.test') return asked.reply(answer(asked, { answers: [record(name, 'A', '192.0.2.3')] }))
        asked.reply(answer(asked, { rcode: RCODE.NXDOMAIN, authorities: [soa('test', 60)] }))
      },
    }, { servers: [], fqdn_only: false })
    machine.files.set('/etc/resolv.conf', 'nameserver 127.0.0.1\nsearch a.test b.test\n')
    expect((await machine.outcome(resolver.lookup('www', 4))).value).toEqual(['192.0.2.3'])
    expect(machine.log).toEqual([`${A} udp www.a.test A`, `${A} udp www.b.test A`])
    expect((await failure(machine, resolver.lookup('www.c', 4))).code).toBe('name-not-found')
    expect((await failure(machine, resolver.lookup('nix', 4))).detail).toContain('"nix" does not exist')
    expect(machine.log.at(-1)).toBe(`${A} udp nix A`)
  })
})

describe('limits', () => {
  test('so many questions at a time, the others wait their turn', async () => {
    const asked: Asked[] = []
    const [machine, resolver] = setUp({ [A]: (each) => void asked.push(each) })
    const all = Array.from({ length: 600 }, (_, i) => resolver.lookup(`n${i}.x.test`, 4))
    await machine.advance(50)
    expect(resolver.statistics).toMatchObject({ open: 512, waiting: 88 })
    expect(machine.open.size).toBe(512)
    const answerAll = async (): Promise<void> => {
      for (const each of asked.splice(0)) serve(record(each.message.questions[0].name, 'A', '192.0.2.1'))(each)
      await settle()
    }
    await answerAll()
    expect(resolver.statistics).toMatchObject({ open: 88, waiting: 0 })
    await answerAll()
    expect((await machine.outcome(Promise.all(all))).value).toHaveLength(600)
    await expectClean(machine)
  })

  test('who waits too long for a turn is told so', async () => {
    const [machine, resolver] = setUp({ [A]: silent }, { timeout: 1000, retries: 0 })
    const all = Array.from({ length: 1100 }, (_, i) => resolver.lookup(`n${i}.x.test`, 4).catch((error) => error))
    const { value, ms } = await machine.outcome(Promise.all(all))
    expect(value!.every((error) => error instanceof Failure && error.code === 'name-timeout')).toBe(true)
    expect(ms).toBeLessThan(2200)
    await expectClean(machine)
  })

  test('the cache holds so many entries', async () => {
    const any = (asked: Asked): void => serve(record(asked.message.questions[0].name, 'A', '192.0.2.1'))(asked)
    const [machine, resolver] = setUp({ [A]: any }, { cache_size: 10 })
    for (let i = 0; i < 50; i++) await machine.outcome(resolver.lookup(`n${i}.x.test`, 4))
    expect(resolver.statistics.entries).toBe(10)
    expect(resolver.cached('n49.x.test', 4)).toEqual(['192.0.2.1'])
    expect(resolver.cached('n0.x.test', 4)).toBeNull()
  })

  test('addresses of one name', async () => {
    const many = Array.from({ length: 1000 }, (_, i) => record('www.x.test', 'A', `10.0.${i >> 8}.${i & 255}`))
    const [machine, resolver] = setUp({ [A]: serve(...many) })
    expect((await machine.outcome(resolver.lookup('www.x.test', 4))).value).toHaveLength(256)
  })
})

test('close() ends everything', async () => {
  const [machine, resolver] = setUp({ [A]: silent })
  const looked = resolver.lookup('www.x.test', 4)
  await machine.advance(100)
  resolver.close()
  expect((await failure(machine, looked)).code).toBe('name-failed')
  expect((await failure(machine, resolver.lookup('www.x.test', 4))).code).toBe('name-failed')
  await expectClean(machine)
})

test('a socket that comes after close() is closed', async () => {
  const [machine, resolver] = setUp({ [A]: good })
  const { runtime } = machine
  const waiting: (() => void)[] = []
  const slow = new Resolver({
    ...runtime,
    datagram: (to) => new Promise((resolve) => waiting.push(() => resolve(runtime.datagram(to)))),
  }, SETTINGS)
  const looked = slow.lookup('www.x.test', 4)
  await machine.advance(100)
  expect(waiting).toHaveLength(1)
  slow.close()
  expect((await failure(machine, looked)).code).toBe('name-failed')
  waiting[0]()
  resolver.close()
  await expectClean(machine)
  expect(machine.log).toEqual([])
})

test('what is no failure reaches those who asked, as it is', async () => {
  const [machine, resolver] = setUp({ [A]: good })
  const bug = new RangeError('not a failure')
  const broken = new Resolver({ ...machine.runtime, datagram: () => Promise.reject(bug) }, SETTINGS)
  expect((await machine.outcome(broken.lookup('www.x.test', 4))).error).toBe(bug)
  resolver.close()
  await expectClean(machine)
})

test('statistics count', async () => {
  const [machine, resolver] = setUp({ [A]: good })
  await machine.outcome(resolver.lookup('www.x.test', 4))
  resolver.cached('www.x.test', 4)
  resolver.cached('other.x.test', 4)
  expect(resolver.statistics).toEqual({
    lookups: 2,
    hits: 1,
    negative: 0,
    stale: 0,
    failures: 0,
    open: 0,
    waiting: 0,
    entries: 1,
    servers: [{ server: A, queries: 1, answers: 1, timeouts: 0, failures: 0, down: false }],
  })
})
