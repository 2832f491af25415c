/** The proxies we are compared with, each as it is set up in peers/ to do what we do: no cache, a log, Via, X-Forwarded-For. */
import { find } from './machine.ts'
import { HTTP_CLAIMS, type Program, versionOf } from './program.ts'

type Peer = Omit<Program, 'version' | 'command' | 'ours' | 'compiles' | 'engine'> & {
  readonly binary: string
  readonly question: readonly string[]
  command(binary: string, configuration: string, workers: number): readonly string[]
}

const usual = { claims: HTTP_CLAIMS, unfit: {}, severalWorkers: true, bodiesOnly: false, passes: false } as const

const haproxy: Omit<Peer, 'name'> = {
  ...usual,
  binary: 'haproxy',
  question: ['-v'],
  // Its forward mode knows no CONNECT: its tunnel is mode tcp to the origin, which has nothing to read.
  ...{ modes: ['reverse', 'forward'], tunnels: 'tcp', upgrades: ['reverse'], passes: true },
  templates: ['haproxy.cfg'],
  logsToOutput: true,
  // Of two threads that write at once, one leaves it.
  linesLost: (workers) => workers > 1 ? 0.01 : 0,
  command: (binary, configuration) => [binary, '-db', '-f', configuration],
}

const PEERS: readonly Peer[] = [
  { ...haproxy, name: 'haproxy', values: () => ({ splice: '', tuning: 'tune.bufsize 65536' }) },
  {
    ...haproxy,
    name: 'haproxy-splice',
    bodiesOnly: true,
    values: () => ({ splice: 'option splice-request\n  option splice-response', tuning: 'tune.pipesize 262144' }),
  },
  {
    ...usual,
    name: 'nginx',
    binary: 'nginx',
    question: ['-v'],
    ...{ modes: ['reverse'], tunnels: null, upgrades: ['reverse'] },
    templates: ['nginx.conf'],
    values: (workers) => ({ reuseport: workers > 1 ? 'reuseport' : '' }),
    command: (binary, configuration) => [binary, '-c', configuration],
  },
  {
    ...usual,
    name: 'squid',
    binary: 'squid',
    question: ['-v'],
    ...{ modes: ['forward'], tunnels: 'forward', upgrades: ['forward'] },
    // Its workers share one log through a file each writes to, and need shared memory it only has as an installed service.
    severalWorkers: false,
    templates: ['squid.conf'],
    command: (binary, configuration) => [binary, '-N', '-f', configuration],
  },
  {
    ...usual,
    name: 'trafficserver',
    binary: 'traffic_server',
    question: ['-V'],
    ...{ modes: ['reverse', 'forward'], tunnels: 'forward', upgrades: ['reverse'] },
    unfit: {
      post: 'where the origin answers before it has the whole body, as ours does, later requests on that connection ' +
        'to the origin are broken, and answered 400 (9.2.9)',
    },
    // It writes its log once a second, and what it has then not written it never does.
    logMilliseconds: 2500,
    templates: [
      'runroot.yaml',
      'records.config',
      'remap.config',
      'logging.yaml',
      'ip_allow.yaml',
      'plugin.config',
      'storage.config',
    ]
      .map((name) => `trafficserver/${name}`),
    command: (binary, configuration) => [binary, `--run-root=${configuration}`],
  },
  {
    ...usual,
    name: 'tinyproxy',
    binary: 'tinyproxy',
    question: ['-v'],
    ...{ modes: ['forward'], tunnels: 'forward', upgrades: [] },
    claims: { via: true, forwardedFor: false, keepsAlive: false },
    severalWorkers: false, // it has a thread a connection, wherever they run
    templates: ['tinyproxy.conf'],
    command: (binary, configuration) => [binary, '-d', '-c', configuration],
  },
]

/** Those that are installed. */
export function peers(): Program[] {
  return PEERS.flatMap(({ binary, question, command, ...peer }) => {
    const path = find(binary)
    if (path === null) return []
    return [{
      ...peer,
      ...{ ours: false, compiles: false, engine: null },
      version: versionOf(path, question),
      command: (configuration: string, workers: number) => command(path, configuration, workers),
    }]
  })
}
