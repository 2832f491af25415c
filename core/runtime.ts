/**
 * What a machine must offer for ExaProxy to run on it.
 *
 * The core never asks which runtime it is on: it is handed a {@link Runtime}. Each adapter implements these interfaces in
 * this order, and the contract suite (test/contract) is what they mean in practice.
 *
 * Ownership of bytes, everywhere: a read lends, a write borrows.
 */

/** A place on the network: an IP address and a port, or the path of a unix-domain socket (family `unix`, port 0). */
export interface Endpoint {
  readonly family: 4 | 6 | 'unix'
  /** Canonical text (RFC 5952), IPv4-mapped IPv6 unmapped, a zone id kept (`fe80::1%eth0`); or a path. */
  readonly address: string
  readonly port: number
}

/** Why the machine could not do it. `closed`: we closed it first; `cancelled`: we gave up waiting; `tls`: no agreement. */
export type SystemFailureCode =
  | 'refused'
  | 'reset'
  | 'timed-out'
  | 'unreachable'
  | 'in-use'
  | 'not-available'
  | 'denied'
  | 'missing'
  | 'exhausted'
  | 'full'
  | 'closed'
  | 'cancelled'
  | 'unsupported'
  | 'tls'
  | 'other'

/** The only error an adapter throws on purpose. `detail` is the machine's own words (`ECONNREFUSED`, ...). */
export class SystemFailure extends Error {
  readonly code: SystemFailureCode
  readonly detail: string

  constructor(code: SystemFailureCode, detail: string) {
    super(code === 'tls' ? `TLS: ${detail}` : detail === '' ? code : `${code} (${detail})`)
    this.name = 'SystemFailure'
    this.code = code
    this.detail = detail
  }
}

/** What {@link Socket.relay} rejects with when it is not this socket that failed but the one that bytes went to. */
export class SinkFailure extends SystemFailure {}

/**
 * A connected byte stream. One pull and one write may be under way at a time.
 *
 * It has no `return`: `break` in a `for await` leaves it open, on purpose.
 */
export interface Socket extends AsyncIterable<Uint8Array> {
  readonly local: Endpoint
  readonly peer: Endpoint
  /**
   * The next bytes (at least one), lent until the next pull on this socket; `done` when the peer has finished sending, or
   * when we closed. Rejects with a SystemFailure (`reset`, `timed-out`, ...) when the connection broke. At most one chunk
   * waits unpulled: a machine that pushes is paused behind it. The result object may be the same one every time.
   */
  next(): Promise<IteratorResult<Uint8Array, void>>
  /**
   * Send the first `size` of `bytes`, all of them by default (a view of a part costs as much as a system call). They are
   * borrowed until it settles, which is when the machine has taken them: `undefined` at once where the kernel took them
   * all, else a promise. Rejects (or throws) with a SystemFailure: `reset`, or `closed` after `end` or `close`.
   */
  write(bytes: Uint8Array, size?: number): Promise<void> | void
  /** No more will be written: what was taken is sent, then a FIN. Reading goes on. */
  end(): void
  /** Both directions, at once: pending pulls end (`done`), pending writes fail with `closed`. Safe to call twice. */
  close(): void
  /** Like `close`, but the peer sees a reset (RST) where the machine can do it: how a broken message is told. */
  abort(): void
  /**
   * Call `stirred`, once, when bytes have come, or the end, or it broke: where a machine can tell it for less than a pull.
   * Stands until the next pull, and until then what was lent is not used.
   */
  watch?(stirred: () => void): void
  /**
   * Move bytes from this socket to `to`, unseen (splice), where the machine can: waits for the first, moves what has come,
   * `limit` at most, and settles when `to` has taken it. Gives the count; 0: this socket has ended. Stands for a pull here
   * and a write there, and fails as they do: with a SinkFailure where it is the write. `waiting` is told before each wait who is waited for: a deadline's moment.
   */
  relay?(to: Socket, limit: number, waiting: (on: 'source' | 'sink') => void): Promise<number>
  /**
   * Where the client was going when the kernel turned it round to here (REDIRECT; SO_ORIGINAL_DST of netfilter). `null`: it was
   * not turned round, or it is known no more. Missing where the machine cannot tell.
   */
  original?(): Endpoint | null
  /**
   * How long its peer has been sent nothing, or has acknowledged nothing (the longer of the two), milliseconds: of what was
   * written much may go on long after the machine has taken it, and before the machine takes more. Infinity: nobody knows.
   * Missing where the machine cannot tell.
   */
  standstill?(): number
}

/** A listening socket. At most `backlog` accepted connections wait unpulled; those past that are closed. */
export interface Listener extends AsyncIterable<Socket> {
  readonly at: Endpoint
  /** The next connection; `done` after close. */
  next(): Promise<IteratorResult<Socket, void>>
  close(): void
}

export interface ListenOptions {
  /** Length of the queue of connections not yet accepted. */
  readonly backlog?: number
  /** Let several processes listen on the same port (SO_REUSEPORT). */
  readonly reusePort?: boolean
  /**
   * Take connections to any address that the kernel hands over (TPROXY; IP_TRANSPARENT): `local` of each is where it was going.
   * Rejects with `unsupported` where the machine cannot, with `denied` without the right to (CAP_NET_ADMIN).
   */
  readonly transparent?: boolean
}

/** A connection being made. After `cancel`, `socket` rejects with `cancelled` (or, if it was made already, is closed). */
export interface Connecting {
  readonly socket: Promise<Socket>
  cancel(): void
}

export interface ConnectOptions {
  /** The local address to come from. Port 0: any. */
  readonly from?: Endpoint
  /** `from` need not be an address of this machine (IP_TRANSPARENT): the answers come back by the routing of the operator. */
  readonly transparent?: boolean
  /** The mark of its packets, for routing and nftables (SO_MARK). 0: none. */
  readonly mark?: number
  /** The byte of service of its packets (DSCP and ECN; IP_TOS, IPV6_TCLASS). 0: the system's. */
  readonly tos?: number
  /** Silence until the first probe of TCP keep-alive, milliseconds. 0: no probes. */
  readonly keepAlive?: number
  /** How long what was sent may stay unacknowledged (TCP_USER_TIMEOUT, RFC 5482), milliseconds. 0: the system's. */
  readonly userTimeout?: number
}

/** A connected UDP socket on a port of the kernel's choice: packets from anyone but its peer are never seen. */
export interface Datagram extends AsyncIterable<Uint8Array> {
  readonly local: Endpoint
  readonly peer: Endpoint
  /** The next packet, lent until the next pull. Rejects with `refused` where the machine tells of an ICMP error. */
  next(): Promise<IteratorResult<Uint8Array, void>>
  write(bytes: Uint8Array): Promise<void> | void
  close(): void
}

/** A child process, its three pipes as sockets of one direction. */
export interface Child {
  readonly pid: number
  readonly input: Pick<Socket, 'write' | 'end' | 'close'>
  readonly output: Pick<Socket, 'next' | 'close'>
  readonly errors: Pick<Socket, 'next' | 'close'>
  /** The exit code; 128 + the signal's number when a signal ended it. Never rejects. */
  readonly exited: Promise<number>
  kill(signal: SignalName): void
}

export interface Clock {
  /** Milliseconds, monotonic, with a fraction. Only differences mean something. */
  now(): number
  /** Milliseconds since 1970-01-01 UTC, for people and for logs. */
  date(): number
  /** Minutes that this machine's clock on the wall is ahead of UTC at that moment (of `date`). */
  zone(date: number): number
  /** Call `tick` every `ms`; gives the function that stops it. Does not keep the process alive. */
  every(ms: number, tick: () => void): () => void
  /** Call `ring` once after `ms`; gives the function that stops it. Not for the hot path: deadlines are numbers. */
  after(ms: number, ring: () => void): () => void
}

/** Somewhere bytes are appended: a log file, standard output. One write at a time. */
export interface Appender {
  /** Settles when the machine has taken all of `bytes`; rejects with `full`, `denied`, ... */
  write(bytes: Uint8Array): Promise<void>
  close(): Promise<void>
}

export interface FileStatus {
  readonly size: number
  /** Milliseconds since 1970-01-01 UTC. */
  readonly modified: number
  readonly folder: boolean
  /** A unix-domain socket: it may be one nobody listens at any more. */
  readonly socket: boolean
  /** Who may read and write it, as Unix has it (0o644); missing where nobody says. */
  readonly mode?: number
}

/** All of them reject with a SystemFailure: `missing`, `denied`, `full`, ... */
export interface Files {
  read(path: string): Promise<Uint8Array>
  /** The same in pieces of 64 KiB at most, each lent until the next is asked for. Closed at the end, or when left. */
  pieces(path: string): AsyncIterable<Uint8Array>
  /** Replaces the whole file at once (written aside, then renamed). */
  write(path: string, bytes: Uint8Array): Promise<void>
  /** Opened for appending, made when missing. */
  append(path: string): Promise<Appender>
  list(path: string): Promise<string[]>
  /** `null` when there is nothing there. */
  status(path: string): Promise<FileStatus | null>
  /** A file, or a folder that is empty. */
  remove(path: string): Promise<void>
  /** Makes a folder that only this user may enter, where temporary files go; gives its path. */
  temporary(): Promise<string>
}

/** A certificate chain, its own first, and its private key: PEM. */
export interface TlsIdentity {
  readonly cert: Uint8Array
  readonly key: Uint8Array
}

export interface TlsServerOptions extends TlsIdentity {
  /** Whether clients are asked for a certificate. One that is given must be good, `require`: and there must be one. */
  readonly clientCertificates: 'off' | 'request' | 'require'
  /** Who may have signed those of clients: PEM, one or several. */
  readonly ca: Uint8Array | null
}

export interface TlsClientOptions {
  /** Who may have signed the server's certificate: PEM; `null`: whom the system trusts. */
  readonly ca: Uint8Array | null
  /** False: any certificate is good. */
  readonly verify: boolean
  /** What we show to a server that asks for it. */
  readonly identity: TlsIdentity | null
}

/** What a handshake has agreed on. */
export interface TlsAgreement {
  /** `TLSv1.3`; empty where the machine does not say. */
  readonly version: string
  /** The name of the cipher suite (RFC 8446 B.4); empty where the machine does not say. */
  readonly cipher: string
  /** The protocol (RFC 7301); empty: none was agreed on. */
  readonly alpn: string
  /** Common name in the certificate of the peer; empty: it gave none, or there is none in it. */
  readonly name: string
  /** SHA-256 of that certificate, hexadecimal with colons; empty: it gave none, or it was given in a session before. */
  readonly fingerprint: string
  /** It went on with a session of before (RFC 8446 2.2). */
  readonly resumed: boolean
}

/**
 * TLS over a socket, which is its own from now on. `end` sends close_notify, and a peer that ends without one has broken
 * off: pulls reject with `reset`, as nobody knows whether that was all (RFC 8446 6.1).
 */
export interface TlsSocket extends Socket {
  readonly tls: TlsAgreement
}

export interface TlsServer {
  /** DNS names the certificate is for (subjectAltName), lower case, as they stand there: `*.example.com` too. */
  readonly names: readonly string[]
  /** When the certificate ends to be good, milliseconds since 1970-01-01 UTC. */
  readonly expires: number
  /**
   * Shake hands. `first`: what was read of the socket before, lent until this settles. Rejects with `tls` and words, or as
   * the socket does; then the socket is closed. Closing the socket ends it.
   */
  accept(socket: Socket, first?: Uint8Array): Promise<TlsSocket>
}

export interface TlsClient {
  /** Shake hands with the server of that name, or address, which its certificate must be for. Rejects as {@link TlsServer.accept}. */
  connect(socket: Socket, name: string): Promise<TlsSocket>
}

/** The TLS of the machine: versions 1.2 and 1.3, HTTP/1.1 by ALPN. */
export interface Tls {
  /** @throws SystemFailure `tls` that says what is wrong with a certificate or a key. */
  server(options: TlsServerOptions): TlsServer
  /** @throws SystemFailure `tls`, as {@link server}. */
  client(options: TlsClientOptions): TlsClient
}

export type SignalName = 'SIGHUP' | 'SIGINT' | 'SIGQUIT' | 'SIGTERM' | 'SIGUSR1' | 'SIGUSR2' | 'SIGKILL'

export type EngineName = 'portable' | 'epoll'

export interface Runtime {
  readonly name: 'node' | 'deno' | 'bun' | 'memory'
  readonly version: string
  /** Who moves its bytes: the runtime's own sockets (`portable`), or ours. */
  readonly engine: EngineName
  /** The same machine with its listeners, connections and clock on another engine. Rejects with `unsupported` and why. */
  readonly engines: Readonly<Partial<Record<EngineName, () => Promise<Runtime>>>>
  readonly clock: Clock
  readonly files: Files
  /** What follows the program's name on the command line. */
  readonly arguments: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly output: Appender
  readonly errors: Appender
  /** Rejects with `in-use`, `denied` (a port below 1024), `not-available` (not an address of this machine), ... */
  listen(at: Endpoint, options?: ListenOptions): Promise<Listener>
  /**
   * Listening sockets that whoever started the service left to it (systemd's LISTEN_FDS, sd_listen_fds(3)), by number from 0:
   * open to workers too. Rejects with `missing` past the last one, with `unsupported` where the machine cannot take them.
   */
  inherited?(index: number, options?: ListenOptions): Promise<Listener>
  /** To an address, never to a name: names are resolved in the core. What the machine cannot do of `options` is `unsupported`. */
  connect(to: Endpoint, options?: ConnectOptions): Connecting
  datagram(to: Endpoint, from?: Endpoint): Promise<Datagram>
  readonly tls?: Tls
  spawn(command: readonly string[], environment?: Readonly<Record<string, string>>): Child
  /**
   * Start this program once more, with the arguments it was given and these variables beside those of its environment.
   * Where `sharesPorts`, the processes started so may listen on the same port, each with `reusePort`.
   */
  worker(environment: Readonly<Record<string, string>>): Child
  /** Whether connections to one port are shared out among the workers that listen there. */
  readonly sharesPorts: boolean
  /** Processors this process may use: 1 at least. */
  readonly cores: number
  /** How many descriptors this process may have; Infinity where nothing says. */
  readonly descriptors: number
  /** Fill `bytes` with unpredictable ones. */
  random(bytes: Uint8Array): void
  /** The process does not end by itself, for want of anything to wait for; gives the function that lets it again. */
  stay(): () => void
  /** Call `heard` at each such signal, instead of what it does by default; gives the function that stops it. */
  signal(name: SignalName, heard: () => void): () => void
  /** The IP addresses of this machine's interfaces, canonical text. */
  addresses(): string[]
  /** Resident memory of this process, bytes. */
  memory(): number
  readonly pid: number
  readonly host: string
  exit(code: number): never
}
