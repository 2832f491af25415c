/** What the benchmark's options make it measure, of programs that are only named here. */
import { describe, expect, test } from 'vitest'
import { type Plan, taskOf, UsageFailure } from '../../../scripts/bench/plan.ts'
import { HTTP_CLAIMS, type Program } from '../../../scripts/bench/program.ts'

const program = (name: string, part: Partial<Program>): Program => ({
  ...{
    name,
    ours: false,
    version: '1',
    modes: ['reverse'],
    tunnels: null,
    upgrades: [],
    claims: HTTP_CLAIMS,
    unfit: {},
  },
  ...{
    severalWorkers: true,
    passes: false,
    compiles: false,
    bodiesOnly: false,
    templates: [],
    engine: null,
    command: () => [],
  },
  ...part,
})
const ours = {
  ours: true,
  passes: true,
  modes: ['reverse', 'forward'],
  tunnels: 'forward',
  upgrades: ['reverse'],
} as const
const installed = (engines: readonly (string | null)[]): Program[] => [
  ...engines.flatMap((engine) => ['bun', 'node', 'executable'].map((name) => program(name, { ...ours, engine }))),
  program('haproxy', { modes: ['reverse', 'forward'], tunnels: 'tcp', upgrades: ['reverse'], passes: true }),
  program('haproxy-splice', { modes: ['reverse', 'forward'], tunnels: 'tcp', bodiesOnly: true, passes: true }),
  program('squid', { modes: ['forward'], tunnels: 'forward', severalWorkers: false }),
  program('tinyproxy', {
    modes: ['forward'],
    severalWorkers: false,
    claims: { ...HTTP_CLAIMS, keepsAlive: false },
    unfit: { post: 'why' },
  }),
]

function planOf(...words: string[]): Plan {
  const task = taskOf(installed, words)
  if (task.kind !== 'measure') throw new Error(`not a plan but ${task.kind}`)
  return task.plan
}

/** `bun forward, squid forward` */
function stepsOf(...words: string[]): string {
  return planOf(...words).steps.map(({ program: { name, engine }, mode, workers }) =>
    [name, mode, engine, workers === 1 ? null : workers].filter((word) => word !== null).join(' ')
  ).join(', ')
}

describe('who is measured', () => {
  test.each<[words: string, steps: string]>([
    [
      '--workload get',
      'bun reverse, bun forward, node reverse, node forward, haproxy reverse, haproxy forward, squid forward, tinyproxy forward',
    ],
    ['--workload get --only bun,squid', 'bun reverse, bun forward, squid forward'],
    ['--workload get --only bun,squid --mode forward', 'bun forward, squid forward'],
    ['--workload get --only haproxy-splice --mode reverse', 'haproxy-splice reverse'],
    ['--workload churn', 'bun reverse, haproxy reverse, squid forward, tinyproxy forward'],
    ['--workload churn --mode forward', 'bun forward, haproxy forward, squid forward, tinyproxy forward'],
    ['--workload churn --quick', 'bun reverse, haproxy reverse'],
    ['--workload passthrough', 'bun tcp, haproxy tcp, haproxy-splice tcp'],
    ['--workload tls', 'bun tls, haproxy tls, haproxy-splice tls'],
    ['--workload passthrough --only squid,bun,haproxy', 'bun tcp, haproxy tcp'],
    ['--workload connects --quick', 'bun forward, squid forward'],
    ['--workload get --quick --mode forward', 'bun forward, haproxy forward, squid forward'],
    ['--workload churn --only node', 'node reverse'],
    ['--workload churn --only bun,executable', 'bun reverse, executable reverse'],
    ['--workload post', 'bun reverse, haproxy reverse, squid forward'],
    ['--workload idle', 'bun reverse, haproxy reverse, squid forward'],
    ['--workload bulk --only bun,haproxy-splice', 'bun reverse, haproxy-splice reverse'],
    ['--workload tunnel', 'bun forward, haproxy tcp, haproxy-splice tcp, squid forward'],
    ['--workload tunnel --mode reverse', 'bun forward, haproxy tcp, haproxy-splice tcp, squid forward'],
    ['--workload connects', 'bun forward, squid forward'],
    ['--workload messages', 'bun reverse, haproxy reverse'],
    ['--workload workers', 'bun reverse 2, haproxy reverse 2'],
    ['--workload workers --workers 3', 'bun reverse 3, haproxy reverse 3'],
    [
      '--workload churn --only bun,squid --workers 1,2',
      'bun reverse, bun reverse 2, squid forward',
    ],
    ['--workload churn --only bun --engine epoll,portable', 'bun reverse epoll, bun reverse portable'],
    ['--workload churn --engine epoll', 'bun reverse epoll, haproxy reverse, squid forward, tinyproxy forward'],
  ])('%s', (words, steps) => {
    expect(stepsOf(...words.split(' '))).toBe(steps)
  })

  test('without a word, every workload is measured of somebody', () => {
    const names = new Set(planOf().steps.map(({ workload }) => workload.name))
    expect([...names].join(' ')).toBe(
      'get steady churn pipelined post medium bulk tunnel passthrough tls connects messages idle beside workers',
    )
  })
})

test('how long, and where to', () => {
  expect(planOf()).toMatchObject({
    rounds: 3,
    effort: { seconds: 2, warmup: 2, idle: 8000, rate: 4000 },
    json: null,
    svg: null,
  })
  expect(planOf('--quick')).toMatchObject({ rounds: 1, effort: { seconds: 1, warmup: 1, idle: 2000, rate: 4000 } })
  const words = '--quick --rounds 7 --seconds 8 --warmup 9 --idle 10 --rate 11 --json a --svg b'
  expect(planOf(...words.split(' '))).toMatchObject({
    ...{ rounds: 7, effort: { seconds: 8, warmup: 9, idle: 10, rate: 11 }, json: 'a', svg: 'b' },
  })
})

test('what measures nothing', () => {
  expect(taskOf(installed, ['-h'])).toEqual({ kind: 'help' })
  expect(taskOf(installed, ['--plot', 'a.json'])).toEqual({ kind: 'plot', json: 'a.json', svg: null })
  expect(taskOf(installed, ['--plot', 'a.json', '--svg', 'b'])).toEqual({ kind: 'plot', json: 'a.json', svg: 'b' })
  expect(taskOf(installed, ['--list', '--workload', 'bulk']).kind).toBe('list')
})

test.each([
  ['--only nobody', '--only: nobody is none of bun, node, executable, haproxy, haproxy-splice, squid, tinyproxy'],
  ['--workload get,all', '--workload: all is none of get, steady'],
  ['--mode tcp', '--mode: tcp is none of forward, reverse'],
  ['--engine poll', '--engine: poll is none of epoll, portable'],
  ['--rounds 0', '--rounds: 0 is not a positive number'],
  ['--seconds 1.5', '--seconds: 1.5 is not'],
  ['--workers 65', '--workers: at most 64'],
  ['--workers 1,', '--workers:  is not a positive number'],
  ['--workload tunnel --only tinyproxy', 'nobody who is asked for'],
  ['--unheard-of', 'unheard-of'],
  ['get', 'get'],
])('%s is refused', (words, said) => {
  const plan = () => taskOf(installed, words.split(' '))
  expect(plan).toThrow(UsageFailure)
  expect(plan).toThrow(said)
})
