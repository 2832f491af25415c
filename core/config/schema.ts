/**
 * Every option: its kind, its default and the reason for it. The reference of the README, the JSON Schema for editors, the
 * names of environment variables and `exaproxy config` are all made from this table.
 */

import * as z from 'zod'
import { HEAD_SIZE, KEEP_ALIVE, USER_TIMEOUT, WORKERS } from '../limits.ts'
import * as kind from './kinds.ts'
import { filter, helper, icap, list, rule } from './filter_schema.ts'
import * as tls from './tls_kinds.ts'
import { ABOUT, type Option, option, required } from './option.ts'
import { ADMIN_ADDRESS, type HelperSettings, type OnError, PROXY_PROTOCOL_FROM, type Settings } from './settings.ts'

/** Where `listener.http` listens when nothing says otherwise: for this machine alone, on Squid's port. */
export const DEFAULT_ADDRESS: readonly string[] = ['127.0.0.1:3128', '[::1]:3128']

/** Names of listeners and upstreams: they become part of log lines and of environment variables. */
export const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62})$/

const MOST = 1_000_000

const listener = z.strictObject({
  mode: option(
    kind.choice('forward', 'reverse', 'transparent', 'tls', 'socks', 'passthrough', 'icap'),
    'forward',
    'What clients are: "forward" serves browsers told to use a proxy, "reverse" serves sites (see upstream), ' +
      '"transparent" serves HTTP and "tls" serves TLS that was meant for others, by the name that is asked for, "socks" ' +
      'serves SOCKS 4, 4a and 5, "passthrough" carries any TCP to one server, "icap" lets other proxies ask the filter ' +
      '(RFC 3507).',
  ),
  address: required(
    kind.endpoints,
    'Where to listen. Port 0 lets the system choose. The listener called http has 127.0.0.1:3128 and [::1]:3128 for a ' +
      'default, or what this machine has of these: for it alone, on the port Squid has made usual. A unix socket cannot be ' +
      'shared: it is served by the first worker alone.',
  ),
  capture: option(
    kind.choice('none', 'tproxy', 'redirect', 'inherited'),
    'none',
    'How connections come here that were meant for others: "tproxy" and "redirect" by those targets of nftables, "inherited" ' +
      'on sockets that systemd opened (Transparent=yes), which listen at the places of address. "none": they do not, and go ' +
      'where the client says.',
  ),
  capture_ports: option(
    kind.list(kind.ports, 'a list of ports', '[80, "8000-8999"]'),
    [],
    'The ports whose connections exaproxy nft has the kernel bring here. An empty list: 80 for mode "transparent" and 443 ' +
      'for "tls"; "passthrough" has to say.',
  ),
  capture_from: option(
    kind.list(kind.network, 'a list of networks', '["192.0.2.0/24"]'),
    [],
    'The clients whose connections those are. An empty list: all that are routed through this machine.',
  ),
  capture_interface: option(
    kind.interfaceOrNone,
    '',
    'The network interface that they come in by; empty: any.',
  ),
  connections: option(
    kind.count(0, MOST),
    32_768,
    'Connections at once, each worker having its share of them; 0: as many as the system allows. The default is half of ' +
      '65,536, because each may need two file descriptors.',
  ),
  connections_per_client: option(
    kind.count(0, MOST),
    0,
    'Connections at once of one client address to each worker; 0: no limit, because a whole office may share one address.',
  ),
  head_timeout: option(
    kind.time(),
    '30s',
    'How long a request head may take from its first byte. Browsers send it at once; slow ones are attacks.',
  ),
  idle_timeout: option(
    kind.time(),
    '2m',
    'How long a client may ask for nothing between two requests, or make no progress inside a body. Without the epoll ' +
      'engine, a slow reader makes progress only each time the system has sent a third of what it holds for it (up to ' +
      '4 MB). Browsers reuse connections for about as long.',
  ),
  head_size: option(
    kind.size(1024, HEAD_SIZE),
    '64KB',
    'The largest request head, start line and fields together. As Squid; larger ones are answered 431.',
  ),
  backlog: option(
    kind.count(1, 65_535),
    1024,
    'Connections the system may hold before they are accepted: a burst of a second. The system may have a lower limit.',
  ),
  filter: option(
    kind.list(kind.classifier, 'a list of names', '["rules", "guard"]'),
    [],
    'Who decides about each request, asked in order: "rules" is the [[rule]] table, others are names of [helper.NAME] and ' +
      '[icap.NAME]. An empty list: nobody. Where the option is left out, and there are rules, they are asked.',
  ),
  safe_search: option(
    kind.choice('off', 'moderate', 'strict'),
    'off',
    'Make search engines and YouTube leave out what is not for children: by the address that is connected to, and by the ' +
      'query where it can be seen. A rule may say otherwise.',
  ),
  server: option(
    kind.originOrNone,
    '',
    'Mode "passthrough": where all connections go, an address or a name, with a port. May be left out with capture: then ' +
      'they go where they were going.',
  ),
  proxy_protocol: option(
    kind.choice('off', 'require'),
    'off',
    'Whether each connection begins with a header of the PROXY protocol (version 1 or 2), by which a load balancer in ' +
      'front says who the client is. With "require" one that does not is closed.',
  ),
  proxy_protocol_from: option(
    kind.list(kind.network, 'a list of networks', '["10.0.0.0/8"]'),
    [...PROXY_PROTOCOL_FROM],
    'Where such headers are taken from; a connection from elsewhere is closed. By default this machine alone: whoever may ' +
      'send one may say who the client is.',
  ),
  proxy_protocol_user: option(
    kind.choice('off', 'cn'),
    'off',
    'Who the user is: with "cn" the common name of the client’s certificate, where the header says that the proxy in front ' +
      'has asked for one and found it good. Off, because that proxy may take certificates of anybody.',
  ),
  users_file: option(
    kind.path([], true),
    '',
    'Modes "socks" and "forward": who may use it, name:password a line ("#" begins a comment), read again at SIGHUP. SOCKS 5 ' +
      'then needs a login (RFC 1929; SOCKS 4 has none and is refused), HTTP Proxy-Authorization with Basic (RFC 7617). Empty: ' +
      'whoever comes.',
  ),
  tls: option(
    tls.identities,
    [],
    'Clients come by TLS, which ends here: { cert = "...", key = "..." }, PEM files, the chain in cert, or a list of them, ' +
      'chosen by the name that is asked for, the first being for all others. Read again at SIGHUP; where that fails, those ' +
      'of before stay. HTTP/1.1, TLS 1.2 and 1.3. Not for modes "transparent", "tls" and "passthrough".',
  ),
  client_certificates: option(
    kind.choice('off', 'request', 'require'),
    'off',
    'Whether clients are asked for a certificate (see tls). One that is shown must be signed by client_ca; the common name ' +
      'in it is then the user, for rules and logs.',
  ),
  client_ca: option(
    kind.path([], true),
    '',
    'A PEM file of those who may have signed the certificates of clients. Read again at SIGHUP.',
  ),
  peek: option(
    kind.flag,
    false,
    'Look at the first message of TLS inside a tunnel (ClientHello), and filter once more by the server name in it. ' +
      'Nothing is decrypted, and the bytes are passed on as they came.',
  ),
})

const upstream = z.strictObject({
  hosts: option(
    kind.list(kind.host, 'a list of names', '["example.com", "*.example.com"]', 1),
    ['*'],
    'Sites served by these servers, by the Host of the request: a name, "*." and a name for anything below it, or "*" ' +
      'for what no other upstream serves.',
  ),
  servers: required(
    kind.list(kind.origin, 'a list of servers', '["127.0.0.1:9000"]', 1),
    'Where requests go: addresses or names, with a port.',
  ),
  tls: option(
    tls.upstreamTls,
    false,
    'Reach the servers by TLS: true, or { ca, verify, name, cert, key }. ca: PEM file of who may have signed their ' +
      'certificates, instead of whom the system trusts; verify = false takes any; name: asked for and looked for in them, ' +
      'instead of the name or address in servers; cert and key: what they are shown. Files are read again at SIGHUP.',
  ),
  balance: option(
    kind.choice('round_robin', 'least', 'hash_client', 'hash_url', 'first'),
    'round_robin',
    'Which server has the next request: each in turn, the one with the fewest, the one that belongs to the hash of the ' +
      'client’s address or of the URL (when a server leaves, only its own move to others), or the first that is well.',
  ),
  check: option(
    kind.choice('off', 'tcp', 'http'),
    'off',
    'Ask each server, in each worker, whether it is well: "tcp" connects, "http" wants 2xx or 3xx for check_path. Three ' +
      'failures take it out, two successes bring it back. Without checks, a server is left alone after three failures of ' +
      'requests, for a second and then longer, as long as there is another.',
  ),
  check_interval: option(kind.time(), '2s', 'Between two checks of a server, and how long one may take. As HAProxy.'),
  check_path: option(kind.checkPath, '/', 'What a check by "http" asks for.'),
  max_connections: option(
    kind.count(0, MOST),
    0,
    'Requests of one server at once, from each worker; 0: no limit, because only its owner knows what it bears.',
  ),
  queue: option(
    kind.count(0, MOST),
    0,
    'Requests that may wait, in each worker, until a server has room (max_connections); others are answered 503.',
  ),
  queue_timeout: option(
    kind.time(),
    '5s',
    'How long they may wait before they are answered 503: people wait no longer.',
  ),
  sticky: option(
    kind.choice('off', 'cookie', 'client'),
    'off',
    'Bring a client back to the server it had before, while that is well: by a cookie that does not leave the proxy, or by ' +
      'its address, as balance = "hash_client" does.',
  ),
  sticky_cookie: option(kind.cookieName, 'exaproxy_server', 'The name of that cookie.'),
})

const parent = z.strictObject({
  type: option(
    kind.choice('http', 'socks4a', 'socks5'),
    'http',
    'What it speaks: "http" is asked for pages as browsers ask a proxy, and for tunnels by CONNECT; SOCKS carries all alike.',
  ),
  servers: required(
    kind.list(kind.origin, 'a list of servers', '["10.0.0.1:3128"]', 1),
    'Where it is: addresses or names, with a port. One that cannot be reached is followed by the next, and after three ' +
      'failures left alone for a while.',
  ),
  balance: option(
    kind.choice('round_robin', 'least', 'hash_client', 'hash_url', 'first'),
    'round_robin',
    'Who has the next connection: each in turn, the one with the fewest, always the same one for a client or for a URL, or ' +
      'the first that can be reached.',
  ),
  check: option(
    kind.choice('off', 'tcp', 'http'),
    'off',
    'Whether each server is asked again and again if it is well: "tcp" connects, "http" asks it for check_url, and wants ' +
      '2xx or 3xx. Off, because what fails is noticed all the same.',
  ),
  check_interval: option(kind.time(), '2s', 'Time between two checks of a server, and for one of them at most.'),
  check_url: option(kind.urlOrNone, '', 'What a check by HTTP asks for: a page that is always there.'),
  credentials_file: option(
    kind.path([], true),
    '',
    'A file with one line, user:password, to log in with (for socks4a, the user). Read at start and at SIGHUP. Empty: ' +
      'nobody logs in.',
  ),
})

const outgoing = z.strictObject({
  ipv4: option(kind.flag, true, 'Whether origins may be reached over IPv4.'),
  ipv6: option(kind.flag, true, 'Whether origins may be reached over IPv6.'),
  prefer: option(
    kind.choice('auto', 'ipv4', 'ipv6'),
    'auto',
    'Which family is tried first; the other follows a quarter of a second later (RFC 8305). "auto" begins with the family ' +
      'that won last time, and with IPv6 where none did.',
  ),
  nat64: option(
    kind.nat64,
    'off',
    'How a machine without IPv4 (or with ipv4 = false) reaches IPv4: through a translator, by its prefix (RFC 6052), or ' +
      '"auto": by the prefix that the name servers tell of (RFC 7050). "off", because not every network has one.',
  ),
  bind4: option(
    kind.locals(4),
    [],
    'The local IPv4 addresses connections come from, in turns; one that has no port left gives way to the next: each has ' +
      'some 28000 to one origin. An empty list: the system chooses.',
  ),
  bind6: option(kind.locals(6), [], 'The same for IPv6.'),
  mark: option(
    kind.count(0, 0xffff_ffff),
    0,
    'The mark of packets to origins, for ip rule and nftables (SO_MARK, needs CAP_NET_ADMIN and the epoll engine). 0: none.',
  ),
  tos: option(
    kind.count(0, 255),
    0,
    'The byte of service of packets to origins: four times the DSCP (needs the epoll engine). 0: the system’s.',
  ),
  keep_alive: option(
    kind.time('off', KEEP_ALIVE),
    0,
    'How long a connection to an origin is silent until TCP asks whether the other end is there, at most 9h. Off, because ' +
      'idle_timeout and tunnel_timeout end what is silent; of use where a firewall forgets silent tunnels sooner.',
  ),
  user_timeout: option(
    kind.time('the system’s', USER_TIMEOUT),
    0,
    'How long what was sent to an origin may stay unacknowledged until the connection is given up, at most 24d (RFC 5482, ' +
      'needs the epoll engine). Linux waits a quarter of an hour; the other time limits mostly end it sooner.',
  ),
  connect_timeout: option(
    kind.time(),
    '10s',
    'How long to try all addresses of an origin. Lost packets are sent again after 1, 3 and 7 seconds.',
  ),
  response_timeout: option(
    kind.time(),
    '2m',
    'From the end of the request to the first byte of the response. Long polls seldom last longer.',
  ),
  idle_timeout: option(
    kind.time(),
    '2m',
    'How long a kept connection waits for its next request, and a response body for its next byte.',
  ),
  tunnel_timeout: option(
    kind.time(),
    '1h',
    'How long a tunnel (CONNECT, WebSocket) may be silent. Without the epoll engine, a slow reader breaks the ' +
      'silence only each time the system has sent a third of what it holds for it (up to 4 MB). Long, because inside it ' +
      'nobody can tell idle from dead.',
  ),
  parent: option(
    kind.classifierOrNone,
    '',
    'The [parent.NAME] that all goes through, but for sites of "reverse" listeners, what rules lead to servers they name, ' +
      'and what rules have another parent for. Empty: none. Names are then looked up by the parent.',
  ),
  or_direct: option(
    kind.flag,
    false,
    'When none of the servers of that parent can be reached, go directly. Off: that is answered with an error, because a ' +
      'parent often is there to be gone through.',
  ),
  idle_per_origin: option(
    kind.count(0, MOST),
    128,
    'Kept connections of each worker to one origin; 0: none is kept. Enough for a busy site, few enough not to be a ' +
      'nuisance to it.',
  ),
  idle_total: option(
    kind.count(0, MOST),
    4096,
    'Kept connections of each worker to all origins: each costs a file descriptor.',
  ),
  connect_ports: option(
    kind.list(kind.ports, 'a list of ports', '[443, "8000-8999"]'),
    [443, 981, 7000],
    'Ports CONNECT and SOCKS may reach; an empty list refuses them. HTTPS, and two ports of well-known management consoles; a ' +
      'proxy that reaches every port is a relay for spam.',
  ),
  deny: option(
    kind.list(kind.network, 'a list of networks', '["10.0.0.0/8"]'),
    [],
    'Networks never reached, whatever the name was: judged on the very address that would be connected to.',
  ),
  proxy_protocol: option(
    kind.choice('off', 'v1', 'v2'),
    'off',
    'Begin each connection to an origin with a header of the PROXY protocol, which says who the client is. Only for origins ' +
      'that expect it: such a connection serves no other client.',
  ),
  spoof: option(
    kind.flag,
    false,
    'Connect to origins from the address of the client, for clients that were captured or that a PROXY header names. Needs ' +
      'the epoll engine, CAP_NET_ADMIN, and routes by which the answers come back here; such a connection serves no other ' +
      'client, and leads to no address of the other family.',
  ),
  allow_local: option(
    kind.list(kind.pattern, 'a list of addresses and ports', '["127.0.0.1:*"]'),
    [],
    'Addresses of this machine that may be reached all the same. By default none: services that trust this machine must ' +
      'not be reachable through it. Never overrides deny.',
  ),
})

const http = z.strictObject({
  via: option(kind.flag, true, 'Add Via to requests and responses (RFC 9110 7.6.3 asks for it); it also finds loops.'),
  name: option(
    kind.pseudonym,
    '',
    'The name of this proxy in Via, by which it finds loops: no two proxies of a chain may share one. Empty: exaproxy- and ' +
      'random digits, others at each start.',
  ),
  forwarded_for: option(
    kind.choice('append', 'off', 'delete'),
    'append',
    'X-Forwarded-For: "append" adds the client, "off" leaves the field as it came, "delete" removes it.',
  ),
  forwarded: option(kind.flag, false, 'Also add Forwarded (RFC 7239). Off, because few servers read it.'),
  expect: option(
    kind.flag,
    true,
    'Forward "Expect: 100-continue" and wait for the origin; false: answer 100 here, for origins that never do.',
  ),
  methods: option(
    kind.list(kind.method, 'a list of methods', '["GET", "HEAD", "POST"]'),
    [],
    'Methods accepted, as they are written (they are case-sensitive); an empty list: all.',
  ),
  upgrades: option(
    kind.list(kind.protocol, 'a list of protocols', '["websocket"]'),
    ['websocket'],
    'Protocols a request may upgrade to. What is not in the list is forwarded without its Upgrade field.',
  ),
  pages: option(
    kind.path([], true),
    '',
    'A folder whose files replace the built-in pages: the failure’s name, the status or "error", a language where there ' +
      'are several, then .html or .txt, as denied.fr.html, 502.txt, error.html. Empty: none.',
  ),
  contact: option(
    kind.contact,
    '',
    'Whom to ask about what is blocked or broken, shown on every page: text, an e-mail address or a URL. Empty: nobody.',
  ),
  loose_targets: option(
    kind.flag,
    false,
    'Let through what browsers leave raw in a URL although RFC 3986 forbids it: ^ ` { | } and bytes above 0x7f. Off: such ' +
      'a request is answered 400. Some sites of plain HTTP need it; what it lets through, origins may read differently.',
  ),
  transparent: option(
    kind.flag,
    false,
    'Reveal nothing to the web: no Via, no X-Forwarded-For, no Forwarded, no product name, whatever else is set.',
  ),
})

const dns = z.strictObject({
  servers: option(
    kind.list(kind.server(53), 'a list of addresses', '["127.0.0.1:53"]'),
    [],
    'Name servers, by address; the port may be left out. An empty list: those of resolv_conf.',
  ),
  timeout: option(kind.time(), '2s', 'How long one try waits. Most answers take under a tenth of a second.'),
  retries: option(kind.count(0, 20), 3, 'Tries after the first, each at the server that did best.'),
  ttl_min: option(
    kind.time('as the answer says'),
    '1s',
    'The shortest time an answer is kept: one question a second is enough for any name.',
  ),
  ttl_max: option(kind.time('nothing is kept'), '1d', 'The longest time an answer is kept: addresses do change.'),
  negative_ttl_max: option(
    kind.time('never kept'),
    '1m',
    'The longest time "no such name" is kept (RFC 2308). Short: people create names they have just looked up.',
  ),
  stale: option(
    kind.time('never used'),
    '1d',
    'How long past its end an answer may be used while no server answers (RFC 8767 suggests one to three days).',
  ),
  cache_size: option(
    kind.count(0, 10_000_000),
    20_000,
    'Answers kept by each worker, in number; the one unused for longest makes room. 0: none.',
  ),
  fqdn_only: option(
    kind.flag,
    false,
    'Refuse names without a dot, which mean another machine on each network. Off: hosts files and containers use them.',
  ),
  hosts: option(kind.flag, true, 'Whether names of hosts_file are looked at first.'),
  hosts_file: option(kind.path([]), '/etc/hosts', 'The hosts file; read again when it changes.'),
  resolv_conf: option(
    kind.path([]),
    '/etc/resolv.conf',
    'Where the name servers are taken from when servers is empty; read again when it changes.',
  ),
})

const log = z.strictObject({
  level: option(
    kind.choice('debug', 'info', 'warning', 'error', 'off'),
    'info',
    'What of the diagnostics is written: this and what is more serious.',
  ),
  destination: option(
    kind.path(['stderr', 'stdout']),
    'stderr',
    'Where diagnostics go. A file is opened again at SIGHUP and SIGUSR1, for logrotate.',
  ),
})

const access_log = z.strictObject({
  format: option(
    kind.choice('squid', 'combined', 'json'),
    'squid',
    'One line an exchange: Squid’s native format, Apache’s combined, or JSON with the time of each step.',
  ),
  destination: option(
    kind.path(['stdout', 'stderr', 'off']),
    'stdout',
    'Where the access log goes. A file is opened again at SIGHUP and SIGUSR1, for logrotate.',
  ),
  strip_query: option(kind.flag, true, 'Leave out what follows "?" in logged addresses, as Squid does: it is private.'),
})

const service = z.strictObject({
  workers: option(
    kind.countOr('auto', 1, WORKERS),
    'auto',
    'Processes that carry traffic, each with its own connections to origins, its own cache of names and its own share of ' +
      'the clients. "auto": one for each processor this process may use. A supervisor starts them, and anew when one dies.',
  ),
  engine: option(
    kind.choice('auto', 'epoll', 'portable'),
    'auto',
    'What carries bytes: "epoll", a loop of our own on Linux; "portable", the sockets of the runtime; "auto": epoll where ' +
      'it works. With "epoll" the proxy does not start where it does not.',
  ),
  drain_timeout: option(
    kind.time('none'),
    '30s',
    'How long SIGTERM and SIGINT wait for what is in flight. SIGQUIT waits for all of it.',
  ),
  pid_file: option(kind.path([], true), '', 'A file to write the process id of the supervisor to; empty: none.'),
})

const admin = z.strictObject({
  address: option(
    kind.endpointsOrOff,
    ADMIN_ADDRESS,
    'Where the control application listens: health, statistics, metrics. It asks nobody for a password, so keep it to this ' +
      'machine. Where it cannot listen on the default address the proxy starts without it, and says so in the log.',
  ),
})

const named = <T extends z.ZodType>(type: T, description: string) =>
  z.record(z.string().regex(NAME), type).prefault({}).meta({ description })

export const schema = z.strictObject({
  listener: named(listener, 'Where clients come in, one table a listener: [listener.NAME].'),
  upstream: named(upstream, 'The servers behind a reverse listener, one table a group: [upstream.NAME].'),
  parent: named(parent, 'Proxies that requests are sent through, one table a group of servers: [parent.NAME].'),
  rule: z.array(rule, { error: () => 'is a list of tables; write [[rule]] above each' }).prefault([]).meta({
    description:
      'What is done with requests, one table a rule: [[rule]]. The first whose conditions all hold decides; a ' +
      'condition holds where one of its values does. Asked where listener.NAME.filter has "rules".',
  }),
  list: named(list, 'Lists that rules ask for by name, one table a list: [list.NAME].'),
  helper: named(helper, 'Programs that decide, one table a program: [helper.NAME]. For listener.NAME.filter.'),
  icap: named(icap, 'ICAP services (RFC 3507), one table a service: [icap.NAME]. For listener.NAME.filter.'),
  filter: filter.prefault({}).meta({ description: 'More rules.' }),
  outgoing: outgoing.prefault({}).meta({ description: 'How origins are reached.' }),
  http: http.prefault({}).meta({ description: 'What is done to messages.' }),
  dns: dns.prefault({}).meta({ description: 'How names are looked up; the system’s resolver is not used.' }),
  log: log.prefault({}).meta({ description: 'Diagnostics.' }),
  access_log: access_log.prefault({}).meta({ description: 'One line for each exchange.' }),
  service: service.prefault({}).meta({ description: 'The processes.' }),
  admin: admin.prefault({}).meta({ description: 'For whoever operates the proxy.' }),
})

/** A section: a table of options, (`named`) of tables of options by name, or (`many`) tables one after another. */
export interface Section {
  readonly name: string
  readonly named: boolean
  readonly many: boolean
  readonly description: string
  readonly options: readonly Option[]
}

function optionsOf(path: readonly string[], shape: Readonly<Record<string, z.ZodType>>): Option[] {
  return Object.entries(shape).map(([name, type]) => {
    const { shape, form, fallback, unset, description } = ABOUT.get(type)!
    return { path: [...path, name], shape, form, fallback, unset, description }
  })
}

type How = 'one' | 'named' | 'many'

function section(
  name: keyof typeof schema.shape,
  shape: Readonly<Record<string, z.ZodType>>,
  how: How = 'one',
): Section {
  const path = how === 'one' ? [name] : [name, '*']
  const description = schema.shape[name].description ?? ''
  return { name, named: how === 'named', many: how === 'many', description, options: optionsOf(path, shape) }
}

export const SECTIONS: readonly Section[] = [
  section('listener', listener.shape, 'named'),
  section('upstream', upstream.shape, 'named'),
  section('parent', parent.shape, 'named'),
  section('rule', rule.shape, 'many'),
  section('list', list.shape, 'named'),
  section('helper', helper.shape, 'named'),
  section('icap', icap.shape, 'named'),
  section('filter', filter.shape),
  section('outgoing', outgoing.shape),
  section('http', http.shape),
  section('dns', dns.shape),
  section('log', log.shape),
  section('access_log', access_log.shape),
  section('service', service.shape),
  section('admin', admin.shape),
]

const PLACE = /^[0-9]+$/

/**
 * `listener.http.address` is the option `listener.*.address`, and `rule.2.not.host` is of `rule.*.not`. `null` when there is
 * none.
 */
export function findOption(path: readonly string[]): Option | null {
  const section = SECTIONS.find(({ name }) => name === path[0])
  if (section === undefined) return null
  const depth = section.named || section.many ? 3 : 2
  const option = section.options.find(({ path: own }) => own[depth - 1] === path[depth - 1])
  if (option === undefined || path.length < depth || (section.many && !PLACE.test(path[1]!))) return null
  if (path.length === depth) return option
  return option.shape === 'table' && !PLACE.test(path.at(-1)!) ? option : null
}

type Decoded = z.output<typeof schema>

const withNames = <T>(tables: Readonly<Record<string, T>>): Array<T & { readonly name: string }> =>
  Object.entries(tables).map(([name, table]) => ({ name, ...table }))

const withoutName = <T extends { readonly name: string }>({ name: _, ...table }: T): Omit<T, 'name'> => table

/** Children of ExaProxy 1 failed closed, and Squid's answer 503. */
const ON_ERROR: Readonly<Record<HelperSettings['protocol'], OnError>> = {
  squid: 'unavailable',
  external_acl: 'unavailable',
  'exaproxy-url': 'deny',
  'exaproxy-icap': 'deny',
}

export function toSettings({ filter: _, ...decoded }: Decoded): Settings {
  return {
    ...decoded,
    listener: withNames(decoded.listener),
    upstream: withNames(decoded.upstream),
    parent: withNames(decoded.parent),
    list: withNames(decoded.list),
    icap: withNames(decoded.icap),
    helper: withNames(decoded.helper).map((one) => {
      const { queue = 2 * one.maximum, on_error = ON_ERROR[one.protocol] } = one
      return { ...one, queue, on_error }
    }),
  }
}

const byName = <T extends { readonly name: string }>(tables: readonly T[]) =>
  Object.fromEntries(tables.map((one) => [one.name, withoutName(one)]))

/** The settings as a person would write them. */
export function fromSettings(settings: Settings): z.input<typeof schema> {
  const named = {
    listener: byName(settings.listener),
    upstream: byName(settings.upstream),
    parent: byName(settings.parent),
    list: byName(settings.list),
    helper: byName(settings.helper),
    icap: byName(settings.icap),
  }
  // The rules of other files are among the others by now.
  return z.encode(schema, { ...settings, ...named, filter: { include: [] } } as unknown as Decoded)
}

/** For editors: what the file may hold. Text forms such as "5s" are what it describes, not milliseconds. */
export function jsonSchema(): Record<string, unknown> {
  const made = z.toJSONSchema(schema, {
    io: 'input',
    target: 'draft-07',
    // The listener called http may leave its address out, which a schema of a table by name cannot say.
    override: ({ jsonSchema }) => {
      if (jsonSchema.required?.includes('address')) delete jsonSchema.required
    },
  }) as Record<string, unknown>
  return { ...made, title: 'ExaProxy', description: 'The configuration file of ExaProxy (exaproxy.toml).' }
}
