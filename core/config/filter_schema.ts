/** The options of the filter: rules, lists, helper programs, ICAP services. */

import * as z from 'zod'
import * as own from './filter_kinds.ts'
import * as kind from './kinds.ts'
import { option, optional, required } from './option.ts'
import type { RuleConditions } from './settings.ts'

const MOST = 1_000_000
const ANY = 'any'

const names = (form: string, example: string) => own.some(kind.classifier, form, example)

/** The conditions of a rule, each of them once. */
const conditions = {
  listener: optional(names('the name of a listener', '"http"'), ANY, 'Where the request came in.'),
  client: optional(
    own.some(own.network, 'an address or a network', '"10.0.0.0/8"'),
    ANY,
    'Who asks: addresses and networks.',
  ),
  user: optional(
    own.some(own.user, 'a name', '"alice"'),
    ANY,
    'Who has logged in: names; "*" is any characters, so that "*" alone is whoever has a name; "~" begins a regular ' +
      'expression.',
  ),
  method: optional(own.some(kind.method, 'a method', '"GET"'), ANY, 'Methods, as they are written.'),
  scheme: optional(
    own.some(kind.choice('http', 'https'), 'a scheme', '"http"'),
    ANY,
    '"http" or "https"; a CONNECT has none.',
  ),
  host: optional(
    own.some(own.host, 'a name', '"example.com"'),
    ANY,
    'Where to: "example.com" is the name and all below it, "=example.com" the name alone, "*.example.com" what is below ' +
      'it, "ads*.example.com" has any characters in the place of "*", "~" begins a regular expression. Names may be ' +
      'written with any letters, addresses in any notation.',
  ),
  port: optional(own.some(kind.ports, 'a port or a range', '443 or "8000-8999"'), ANY, 'Ports, and ranges of them.'),
  path: optional(
    own.some(own.path, 'a path', '"/a"'),
    ANY,
    'Paths: "/a" is it and all below it, "=/a" it alone, "/a/*.gif" the whole with any characters in the place of "*", ' +
      '"~" begins a regular expression, "~*" one without regard to case. However they are percent-encoded. A CONNECT ' +
      'has none.',
  ),
  query: optional(
    own.some(own.query, 'a text', '"q=text"'),
    ANY,
    'What follows "?": a text anywhere in it; "=text" all of it; "a*b" and "~" as in path.',
  ),
  header: optional(
    own.header,
    ANY,
    'Fields and a text, or texts, each may hold: anywhere in it and in any case; "=text" all of it; "a*b" and "~" as in ' +
      'path; "" where it is enough that the field is there.',
  ),
  list: optional(names('the name of a list', '"ads"'), ANY, 'Lists, by name, one of which it is in.'),
  time: optional(
    own.some(own.week, 'a time of the week', '"mon-fri 08:00-17:00"'),
    ANY,
    'Times by the clock of this machine, as "mon-fri 08:00-17:00", "22:00-06:00" (over midnight), "sat,sun". Squid’s ' +
      'letters do, too: "MTWHF 08:00-17:00".',
  ),
  address: optional(
    own.some(own.network, 'an address or a network', '"10.0.0.0/8"'),
    ANY,
    'Networks an address of the destination is in; the name is looked up where a rule asks for it, and connected to at what ' +
      'was found then.',
  ),
  sni: optional(
    own.some(own.host, 'a name', '"example.com"'),
    ANY,
    'Inside a tunnel, where listener.NAME.peek is on: the server name of the ClientHello, written as in host.',
  ),
  tls: optional(kind.flag, ANY, 'Inside a tunnel: whether what came is TLS.'),
  ech: optional(kind.flag, ANY, 'Inside a tunnel: whether the ClientHello is encrypted (ECH), or looks like it.'),
  sni_mismatch: optional(kind.flag, ANY, 'Inside a tunnel: whether the server name is another than that of CONNECT.'),
}

const inner: z.ZodType<RuleConditions, unknown> = z.lazy(() =>
  z.strictObject({ ...conditions, ...groups }, {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys') return `${issue.keys.join(', ')}: there is no condition of that name`
      return 'is not a table of conditions; write it as { host = "example.com" }'
    },
  }) as unknown as z.ZodType<RuleConditions, unknown>
).meta({ id: 'conditions', description: 'Conditions, which have to hold together.' })

const someGroups = {
  type: z.array(inner, { error: () => 'is not a list of tables; write it as [{ host = "a" }, { host = "b" }]' })
    .min(1, { error: () => 'is empty' }),
  shape: 'table',
  form: 'a list of conditions, as [{ host = "a" }, { client = "10.0.0.0/8" }]',
} as const satisfies kind.Kind

const groups = {
  not: optional(
    { type: inner, shape: 'table', form: 'conditions, as { host = "a" }' },
    'none',
    'Conditions that must not hold together.',
  ),
  any: optional(someGroups, 'none', 'Tables of conditions, one of which has to hold.'),
  all: optional(someGroups, 'none', 'Tables of conditions, all of which have to hold.'),
}

export const rule = z.strictObject({
  name: option(own.line, '', 'What it is called in logs, metrics and pages; empty: its number.'),
  ...conditions,
  ...groups,
  do: required(
    kind.choice('permit', 'deny', 'redirect', 'rewrite', 'respond', 'intercept', 'close'),
    'What is done: "permit" lets it go on, "deny" answers with a page, "redirect" sends the client to another URL, ' +
      '"rewrite" changes the request, "respond" answers with a file or a text, "intercept" sends the request as it is ' +
      'to another server, "close" closes the connection.',
  ),
  to: option(
    own.line,
    '',
    'Where to: a URL (redirect, rewrite), or "host:port" (intercept, rewrite). {url}, {host}, {path}, {query}, ' +
      '{client}, {user} and {rule} stand for those of the request.',
  ),
  status: option(
    kind.count(0, 599),
    0,
    'The status of the answer; 0: 403 (deny), 302 (redirect), 200 (respond).',
  ),
  reason: option(own.line, '', 'Why, for whoever reads the page or the log.'),
  set: option(own.set, {}, 'Fields put in the place of what there is of them. May hold what "to" may.'),
  append: option(own.append, {}, 'Fields added.'),
  remove: option(own.fields, [], 'Fields taken out.'),
  cookie: option(own.cookie, {}, 'Cookies of the request set, or with an empty value taken out.'),
  file: option(
    kind.path([], true),
    '',
    'respond: the file to answer with. A relative one is looked for from where the proxy is started.',
  ),
  text: option(own.text, '', 'respond: the text to answer with.'),
  type: option(own.line, '', 'respond: its Content-Type; empty: by the name of the file, or text/plain.'),
  report_only: option(kind.flag, false, 'Do nothing but count it and log it: to try a rule.'),
  final: option(kind.flag, false, 'permit: nobody else of listener.NAME.filter is asked.'),
  safe_search: option(
    kind.choice('', 'off', 'moderate', 'strict'),
    '',
    'permit, rewrite: instead of what the listener has; empty: that.',
  ),
  parent: option(
    kind.classifierOrNone,
    '',
    'permit, rewrite: the [parent.NAME] it goes through, or "direct" for none; empty: as outgoing.parent says.',
  ),
  or_direct: option(
    kind.flag,
    false,
    'With parent: when none of its servers can be reached, go directly. Off: that is answered with an error.',
  ),
  bind: option(
    kind.locals(0),
    [],
    'permit, rewrite: the local addresses its connections come from, one of each family at most, instead of ' +
      'outgoing.bind4 and bind6. Such a connection serves no other client, and leads to no address of a family that has ' +
      'none here. An empty list: those.',
  ),
})

export const list = z.strictObject({
  file: option(kind.path([], true), '', 'The file; read again when it changes.'),
  folder: option(
    kind.path([], true),
    '',
    'squidguard: the folder of categories, or one of them; other formats: each file in it is a category of that name.',
  ),
  format: option(
    kind.choice('domains', 'hosts', 'squidguard', 'adblock', 'cidr'),
    'domains',
    'What is in it: "domains" (a name a line, which is it and all below it), "hosts" (a hosts file: those very names), ' +
      '"squidguard" (folders of domains, urls and expressions), "adblock" (network rules), "cidr" (addresses and networks).',
  ),
})

const ON_ERROR = ['permit', 'deny', 'unavailable'] as const

export const helper = z.strictObject({
  program: required(
    kind.list(own.word, 'a command, word by word', '["/usr/bin/squidGuard", "-c", "/etc/squidguard.conf"]', 1),
    'The program and its arguments, word by word; no shell reads them.',
  ),
  protocol: option(
    kind.choice('squid', 'exaproxy-url', 'exaproxy-icap', 'external_acl'),
    'squid',
    'How it is spoken to: "squid" as Squid’s url_rewrite_program, "external_acl" as its external_acl_type, ' +
      '"exaproxy-url" and "exaproxy-icap" as ExaProxy 1 did.',
  ),
  minimum: option(kind.count(0, 1000), 1, 'Children kept, in each worker: starting one takes a while.'),
  maximum: option(kind.count(1, 1000), 20, 'Children at most, in each worker. As Squid.'),
  concurrency: option(
    kind.count(0, 10_000),
    0,
    'Requests one child may have at once, told apart by a number before each line (Squid’s concurrency=); 0: one, ' +
      'without a number.',
  ),
  queue: optional(
    kind.count(0, MOST),
    'twice maximum',
    'Requests that may wait for a child; their clients are not read.',
  ),
  timeout: option(
    kind.time(),
    '10s',
    'From the question to the answer, waiting included. A child that is late is killed.',
  ),
  on_error: optional(
    kind.choice(...ON_ERROR),
    '"unavailable"; "deny" for exaproxy-url and exaproxy-icap',
    'What is done when it cannot say: "permit", "deny" (403), or "unavailable" (503).',
  ),
  extras: option(
    own.line,
    '',
    'squid: what follows the URL; external_acl: the whole line. In Squid’s logformat codes; empty: as Squid has it. ' +
      'exaproxy-icap: the icap:// address that is in each question.',
  ),
  folder: option(
    kind.path([], true),
    '',
    'exaproxy-url and exaproxy-icap: the folder of the pages that answers of file://NAME send; empty: they deny.',
  ),
  ttl: option(kind.time('not kept'), '1h', 'external_acl: how long an OK is kept. As Squid.'),
  negative_ttl: option(kind.time('not kept'), '1h', 'external_acl: how long an ERR is kept.'),
  grace: option(
    kind.count(0, 100),
    0,
    'external_acl: the part of ttl, percent, after which it is asked anew beside the answer that is kept; 0: never.',
  ),
  cache_size: option(kind.count(0, 10_000_000), 262_144, 'external_acl: answers kept by each worker. As Squid.'),
})

export const icap = z.strictObject({
  url: required(
    own.some(own.service, 'the address of a service', '"icap://127.0.0.1:1344/echo"'),
    'Where the service is, or where several that do the same are: the first that is well is asked.',
  ),
  method: option(
    kind.choice('reqmod', 'respmod'),
    'reqmod',
    'What it is shown: "reqmod" requests, "respmod" responses.',
  ),
  timeout: option(kind.time(), '10s', 'How long it may be silent while it is asked.'),
  on_error: option(
    kind.choice(...ON_ERROR),
    'unavailable',
    'What is done when it cannot say: "permit", "deny" (403), or "unavailable" (503).',
  ),
  preview: option(
    kind.size(0, 65_536),
    4096,
    'How much of a body it is shown first, where it asks for less than that; 0: nothing is shown ahead. Most services ' +
      'have seen enough with 4 KB.',
  ),
  connections: option(
    kind.count(1, 10_000),
    100,
    'Connections of each worker to a service at most; the service may say less.',
  ),
  queue: option(kind.count(0, MOST), 1000, 'Requests that may wait for a connection; their clients are not read.'),
})

export const filter = z.strictObject({
  include: option(
    kind.list(kind.path([]), 'a list of files', '["rules.d/*.toml"]'),
    [],
    'Files of more [[rule]] tables, which follow those of this file, in this order and by name; "*" may stand in the ' +
      'name of a file. Relative ones are looked for beside this file.',
  ),
})
