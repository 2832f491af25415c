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

export interface ListenerSettings {
  readonly name: string
  readonly mode: 'forward' | 'reverse'
  /** `address:port`, `[v6]:port`, `unix:/path`. */
  readonly address: readonly string[]
  /** Connections in all, 0: no limit but the system's. */
  readonly connections: number
  /** Connections of one client address, 0: no limit. */
  readonly connections_per_client: number
  readonly head_timeout: number
  /** Between two requests of one client, and without progress inside a body. */
  readonly idle_timeout: number
  readonly head_size: number
  readonly backlog: number
}

export interface UpstreamSettings {
  readonly name: string
  /** `example.com`, `*.example.com` (any depth below it), `*` (the default). Lower case. */
  readonly hosts: readonly string[]
  /** `address:port` or `name:port`. */
  readonly servers: readonly string[]
}

export interface OutgoingSettings {
  readonly ipv4: boolean
  readonly ipv6: boolean
  readonly prefer: 'auto' | 'ipv4' | 'ipv6'
  /** Local address to come from; empty: the system's choice. */
  readonly bind4: string
  readonly bind6: string
  readonly connect_timeout: number
  /** From the end of the request to the first byte of the response. */
  readonly response_timeout: number
  /** How long a kept connection to an origin waits for its next request, and a body for its next byte. */
  readonly idle_timeout: number
  readonly tunnel_timeout: number
  /** Kept connections of one origin, and of all. */
  readonly idle_per_origin: number
  readonly idle_total: number
  readonly connect_ports: readonly PortRange[]
  /** CIDRs never dialled, whatever the name was. */
  readonly deny: readonly string[]
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

/** Where the control application listens when nothing says otherwise: for this machine alone. */
export const ADMIN_ADDRESS = '127.0.0.1:8080'

export interface AdminSettings {
  /** Where the control application listens, as in a listener; empty: nowhere. */
  readonly address: readonly string[]
}

export interface Settings {
  readonly listener: readonly ListenerSettings[]
  readonly upstream: readonly UpstreamSettings[]
  readonly outgoing: OutgoingSettings
  readonly http: HttpSettings
  readonly dns: DnsSettings
  readonly log: LogSettings
  readonly access_log: AccessLogSettings
  readonly service: ServiceSettings
  readonly admin: AdminSettings
}
