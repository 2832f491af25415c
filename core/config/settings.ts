/**
 * The configuration, validated and normalised, as the rest of the core reads it. Times are milliseconds, sizes are bytes.
 * The names are those of the file (TOML, snake case), so that a person who knows one knows the other.
 */

/** A set of ports: inclusive ranges, in the order given. */
export interface PortRange {
  readonly first: number
  readonly last: number
}

/** `127.0.0.1:*` or `*:80`: `address` is `*` or a CIDR; `ports` null means any. */
export interface AddressPattern {
  readonly address: string
  readonly ports: PortRange | null
}

/** Paths of PEM files. */
export interface IdentityFiles {
  readonly cert: string
  readonly key: string
}

export interface ListenerSettings {
  readonly name: string
  readonly mode: 'forward' | 'reverse' | 'transparent' | 'tls' | 'socks' | 'passthrough' | 'icap'
  /** `address:port`, `[v6]:port`, `unix:/path`. */
  readonly address: readonly string[]
  /** Connections in all, 0: no limit but the system's. */
  readonly connections: number
  /** How connections come that were meant for others: by TPROXY, by REDIRECT, on sockets of who started us; `none`: they do not. */
  readonly capture: 'none' | 'tproxy' | 'redirect' | 'inherited'
  /** What `exaproxy nft` has the kernel bring here. Empty: the ports of the mode; any client; any interface. */
  readonly capture_ports: readonly PortRange[]
  readonly capture_from: readonly string[]
  readonly capture_interface: string
  /** Connections of one client address, 0: no limit. */
  readonly connections_per_client: number
  readonly head_timeout: number
  /** Between two requests of one client, and without progress inside a body. */
  readonly idle_timeout: number
  readonly head_size: number
  readonly backlog: number
  /** The chain of classifiers, in order: `rules`, and names of helpers and ICAP services. */
  readonly filter: readonly string[]
  readonly safe_search: SafeSearchLevel
  /** Where all connections go, of mode `passthrough`: `address:port` or `name:port`. */
  readonly server: string
  /** `require`: each connection begins with a header of the PROXY protocol, or is closed. */
  readonly proxy_protocol: 'off' | 'require'
  /** Networks that such headers are taken from. */
  /** @see PROXY_PROTOCOL_FROM */
  readonly proxy_protocol_from: readonly string[]
  /** `cn`: a client certificate that the proxy in front found good says who the user is. */
  readonly proxy_protocol_user: 'off' | 'cn'
  /** Names and passwords of who may use it, by SOCKS or Basic; empty: whoever comes. */
  readonly users_file: string
  /** Clients come by TLS, which ends here, with one of these by the name they ask for; empty: they do not. */
  readonly tls: readonly IdentityFiles[]
  /** Whether they are asked for a certificate, signed by one of `client_ca` (a path; empty: nobody asks). */
  readonly client_certificates: 'off' | 'request' | 'require'
  readonly client_ca: string
  /** Look at the ClientHello inside a tunnel, and filter by what it says. */
  readonly peek: boolean
}

export type SafeSearchLevel = 'off' | 'moderate' | 'strict'

/** Conditions of a rule: all that are given must hold, and of the values of one, any. Texts as the file has them. */
export interface RuleConditions {
  readonly listener?: readonly string[]
  /** Addresses and networks. */
  readonly client?: readonly string[]
  readonly user?: readonly string[]
  readonly method?: readonly string[]
  readonly scheme?: readonly string[]
  /** `example.com` (it and all below), `=example.com` (it alone), `*.example.com` (below), `ads*.example.com`, `~regex`. */
  readonly host?: readonly string[]
  readonly port?: readonly PortRange[]
  /** `/a` (it and all below), `=/a`, `/a/*.gif`, `~regex`. */
  readonly path?: readonly string[]
  /** As `path`, but a plain text may stand anywhere. */
  readonly query?: readonly string[]
  /** Field name to patterns; an empty pattern: the field is there. */
  readonly header?: Readonly<Record<string, readonly string[]>>
  /** Names of lists. */
  readonly list?: readonly string[]
  /** `mon-fri 08:00-17:00`, `22:00-06:00`, `sat,sun`; Squid's letters too: `MTWHF 08:00-17:00`. */
  readonly time?: readonly string[]
  /** Networks the destination lies in. */
  readonly address?: readonly string[]
  /** Inside a tunnel: the server name of the ClientHello, as `host`. */
  readonly sni?: readonly string[]
  /** Inside a tunnel: what came is (not) TLS, has (no) encrypted ClientHello, names (no) other host than CONNECT did. */
  readonly tls?: boolean
  readonly ech?: boolean
  readonly sni_mismatch?: boolean
  readonly not?: RuleConditions
  readonly any?: readonly RuleConditions[]
  readonly all?: readonly RuleConditions[]
}

export interface RuleSettings extends RuleConditions {
  /** Empty: its number stands for it. */
  readonly name: string
  readonly do: 'permit' | 'deny' | 'redirect' | 'rewrite' | 'respond' | 'intercept' | 'close'
  /** A URL (redirect, rewrite) or `host:port` (intercept, rewrite of CONNECT). */
  readonly to: string
  /** 0: 403 (deny), 302 (redirect), 200 (respond). */
  readonly status: number
  readonly reason: string
  readonly set: Readonly<Record<string, string>>
  readonly append: Readonly<Record<string, string>>
  readonly remove: readonly string[]
  /** Name to value; an empty value takes the cookie out. */
  readonly cookie: Readonly<Record<string, string>>
  /** respond: a file to answer with; or its text. */
  readonly file: string
  readonly text: string
  /** respond: the Content-Type; empty: by the name of the file, or text/plain. */
  readonly type: string
  /** Decide, count and log, but do nothing. */
  readonly report_only: boolean
  /** permit: no other classifier is asked. */
  readonly final: boolean
  /** Local addresses that its connections come from, one of a family; none: those of `outgoing`. */
  readonly bind: readonly string[]
  /** Instead of the listener's; empty: the listener's. */
  readonly safe_search: SafeSearchLevel | ''
  /** The parent it goes through instead of that of `outgoing`, or `direct`; empty: that of `outgoing`. */
  readonly parent: string
  /** When none of its servers can be reached, go without it. */
  readonly or_direct: boolean
}

export interface ListSettings {
  readonly name: string
  /** One of the two; the other is empty. */
  readonly file: string
  readonly folder: string
  readonly format: 'domains' | 'hosts' | 'squidguard' | 'adblock' | 'cidr'
}

/** What is done when a helper or a service cannot say in time, is full, or is broken. */
export type OnError = 'permit' | 'deny' | 'unavailable'

export interface HelperSettings {
  readonly name: string
  readonly program: readonly string[]
  readonly protocol: 'squid' | 'exaproxy-url' | 'exaproxy-icap' | 'external_acl'
  /** Child processes kept, and at most. */
  readonly minimum: number
  readonly maximum: number
  /** Requests one child may have at once; 0: one, and lines have no channel ID. */
  readonly concurrency: number
  /** Requests that may wait for a child. */
  readonly queue: number
  /** From the question to the answer, waiting included. */
  readonly timeout: number
  readonly on_error: OnError
  /**
   * squid: what follows the URL; external_acl: the whole format. Squid's logformat codes. exaproxy-icap: the `icap://` URI
   * it is asked for. Empty: the protocol's own.
   */
  readonly extras: string
  /** exaproxy-url, exaproxy-icap: where the pages are that `file://` names; empty: there are none. */
  readonly folder: string
  /** external_acl: how long an OK and an ERR are kept; and the part of it, percent, after which it is asked anew beside. */
  readonly ttl: number
  readonly negative_ttl: number
  readonly grace: number
  readonly cache_size: number
}

export interface IcapSettings {
  readonly name: string
  /** The first that is well is asked. */
  readonly url: readonly string[]
  readonly method: 'reqmod' | 'respmod'
  readonly timeout: number
  readonly on_error: OnError
  /** Bytes of a body shown first, at most what the service asks for; 0: none is asked for. */
  readonly preview: number
  /** Connections to one service at most; the service may say less. */
  readonly connections: number
  /** Requests that may wait for a connection. */
  readonly queue: number
}

/** Empty: whom the system trusts; the server's own name; no certificate of ours. */
export interface UpstreamTlsSettings {
  readonly ca: string
  readonly verify: boolean
  /** Of the server: asked for by SNI, and in its certificate. */
  readonly name: string
  readonly cert: string
  readonly key: string
}

export interface UpstreamSettings {
  readonly name: string
  /** `example.com`, `*.example.com` (any depth below it), `*` (the default). Lower case. */
  readonly hosts: readonly string[]
  /** `address:port` or `name:port`. */
  readonly servers: readonly string[]
  /** Its servers are reached by TLS; `null`: they are not. */
  readonly tls: UpstreamTlsSettings | null
  /** How a request finds its server. */
  readonly balance: 'round_robin' | 'least' | 'hash_client' | 'hash_url' | 'first'
  /** How it is found out whether a server is well while nobody asks it. */
  readonly check: 'off' | 'tcp' | 'http'
  /** Between two checks of a server, and for one at most. */
  readonly check_interval: number
  readonly check_path: string
  /** Requests of one server at once, of each worker; 0: no limit. */
  readonly max_connections: number
  /** Requests that may wait until a server has room, and for how long. */
  readonly queue: number
  readonly queue_timeout: number
  /** How a client gets to the server that it had before. */
  readonly sticky: 'off' | 'cookie' | 'client'
  readonly sticky_cookie: string
}

export interface ParentSettings {
  readonly name: string
  readonly type: 'http' | 'socks4a' | 'socks5'
  /** `address:port` or `name:port`. */
  readonly servers: readonly string[]
  readonly balance: 'round_robin' | 'least' | 'hash_client' | 'hash_url' | 'first'
  readonly check: 'off' | 'tcp' | 'http'
  readonly check_interval: number
  /** What a check by HTTP asks for; empty: there is none. */
  readonly check_url: string
  /** One line, `user:password`; empty: nobody logs in. */
  readonly credentials_file: string
}

/** What stands in a rule for no parent at all. */
export const DIRECT = 'direct'

export interface OutgoingSettings {
  readonly ipv4: boolean
  readonly ipv6: boolean
  readonly prefer: 'auto' | 'ipv4' | 'ipv6'
  /** How IPv4 is reached without IPv4: a prefix (CIDR) of translators, or what names tell of one. */
  readonly nat64: 'off' | 'auto' | string
  /** Local addresses to come from, in turns; none: the system's choice. */
  readonly bind4: readonly string[]
  readonly bind6: readonly string[]
  /** The mark of all packets to origins (SO_MARK), and their byte of service; 0: none. */
  readonly mark: number
  readonly tos: number
  /** Silence until the first probe of TCP keep-alive; 0: none is sent. */
  readonly keep_alive: number
  /** How long what was sent may stay unacknowledged; 0: the system's time. */
  readonly user_timeout: number
  readonly connect_timeout: number
  /** From the end of the request to the first byte of the response. */
  readonly response_timeout: number
  /** How long a kept connection to an origin waits for its next request, and a body for its next byte. */
  readonly idle_timeout: number
  readonly tunnel_timeout: number
  /** The parent that all requests go through; empty: none. */
  readonly parent: string
  /** When none of its servers can be reached, go without it. */
  readonly or_direct: boolean
  /** Kept connections of one origin, and of all. */
  readonly idle_per_origin: number
  readonly idle_total: number
  readonly connect_ports: readonly PortRange[]
  /** CIDRs never dialled, whatever the name was. */
  readonly deny: readonly string[]
  /** Each connection begins with a header of the PROXY protocol, of this version. */
  readonly proxy_protocol: 'off' | 'v1' | 'v2'
  /** Connections for captured clients come from the client's address. */
  readonly spoof: boolean
  /** Exceptions to the refusal of this machine's own addresses (and to nothing else). */
  readonly allow_local: readonly AddressPattern[]
}

export interface HttpSettings {
  readonly via: boolean
  /** The pseudonym in Via (RFC 9110 7.6.3), by which a loop is known; empty: `exaproxy-` and digits of its own. */
  readonly name: string
  readonly forwarded_for: 'append' | 'off' | 'delete'
  /** Also add Forwarded (RFC 7239). */
  readonly forwarded: boolean
  /** Forward `Expect: 100-continue` and its answer; false: answer 100 ourselves. */
  readonly expect: boolean
  /** Methods accepted; empty: all. */
  readonly methods: readonly string[]
  /** Upgrade tokens let through, lower case. */
  readonly upgrades: readonly string[]
  /** Let through what browsers leave raw in targets although RFC 3986 forbids it. */
  readonly loose_targets: boolean
  /** A folder whose files replace the built-in pages; empty: none. */
  readonly pages: string
  /** Whom to ask, for pages: text, an e-mail address or a URL; empty: nobody is named. */
  readonly contact: string
  /** Reveal nothing: no Via, no X-Forwarded-For, no Forwarded, no product name in pages. */
  readonly transparent: boolean
}

export interface DnsSettings {
  /** `address:port`; empty: those of resolv.conf. */
  readonly servers: readonly string[]
  readonly timeout: number
  readonly retries: number
  readonly ttl_min: number
  readonly ttl_max: number
  readonly negative_ttl_max: number
  /** How long past its end an answer may be used when no server answers (RFC 8767); 0: never. */
  readonly stale: number
  readonly cache_size: number
  readonly fqdn_only: boolean
  readonly hosts: boolean
  readonly hosts_file: string
  readonly resolv_conf: string
}

export interface LogSettings {
  readonly level: 'debug' | 'info' | 'warning' | 'error' | 'off'
  /** `stderr`, `stdout` or a path. */
  readonly destination: string
}

export interface AccessLogSettings {
  readonly format: 'squid' | 'combined' | 'json'
  /** `stdout`, `stderr`, `off` or a path. */
  readonly destination: string
  /** Cut queries off logged URLs, as Squid does. */
  readonly strip_query: boolean
}

/** What stands in a chain for the table of rules. */
export const RULES = 'rules'

/** The variable of the environment that makes a process a worker: where its supervisor waits for it. */
export const WORKER_VARIABLE = 'EXAPROXY_WORKER'

export interface ServiceSettings {
  /** Processes that carry traffic; `auto`: one for each processor this process may use. */
  readonly workers: 'auto' | number
  /** What carries bytes: the epoll loop of adapters/linux, or what the runtime has; `auto`: the first where it works. */
  readonly engine: 'auto' | 'epoll' | 'portable'
  /** How long a stop waits for what is in flight. */
  readonly drain_timeout: number
  readonly pid_file: string
}

/** Where PROXY headers are taken from when nothing says otherwise: from this machine alone. */
export const PROXY_PROTOCOL_FROM: readonly string[] = ['127.0.0.0/8', '::1/128']

/** Where the control application listens when nothing says otherwise: for this machine alone. */
export const ADMIN_ADDRESS = '127.0.0.1:8080'

export interface AdminSettings {
  /** Where the control application listens, as in a listener; empty: nowhere. */
  readonly address: readonly string[]
}

export interface Settings {
  readonly listener: readonly ListenerSettings[]
  readonly upstream: readonly UpstreamSettings[]
  readonly parent: readonly ParentSettings[]
  readonly rule: readonly RuleSettings[]
  readonly list: readonly ListSettings[]
  readonly helper: readonly HelperSettings[]
  readonly icap: readonly IcapSettings[]
  readonly outgoing: OutgoingSettings
  readonly http: HttpSettings
  readonly dns: DnsSettings
  readonly log: LogSettings
  readonly access_log: AccessLogSettings
  readonly service: ServiceSettings
  readonly admin: AdminSettings
}
