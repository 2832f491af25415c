/**
 * What is judged: the facts of a request, as policy sees them. Names and URLs are in normal form, so that no way of writing
 * gets round a rule; what is sent on is what came, unless a decision changes it.
 */

/** What is found out about TLS inside a tunnel, from the ClientHello (RFC 8446 4.1.2), before it is passed on. */
export interface TlsFacts {
  /** What came is a ClientHello. */
  readonly tls: boolean
  /** The server name, in policy form; empty: there is none. */
  readonly sni: string
  /** There is an encrypted ClientHello (ECH). A browser's random stand-in (GREASE) looks the same. */
  readonly ech: boolean
}

export interface Subject {
  /** The name of the listener. */
  readonly listener: string
  /** The address of the client, canonical text; empty on a unix-domain socket. */
  readonly client: string
  /** The authenticated user; empty: nobody. */
  readonly user: string
  /** The address the client connected to, canonical text, and its port; empty and 0 on a unix-domain socket. */
  readonly local: string
  readonly localPort: number
  readonly method: string
  /** `http` or `https`; empty for CONNECT, and for OPTIONS *. */
  readonly scheme: string
  /** Lower case, no trailing dot; an address in canonical form without brackets. */
  readonly host: string
  readonly port: number
  /** As it was sent: an absolute URI, or `host:port` for CONNECT (an IPv6 address in brackets). */
  readonly url: string
  /**
   * The path in normal form (RFC 3986 6.2.2): unreserved characters not percent-encoded, upper-case digits in those that
   * stay, dot segments removed, never empty but for CONNECT, where it is.
   */
  readonly path: string
  /** What follows "?", not decoded; empty: nothing. */
  readonly query: string
  /** Milliseconds since 1970-01-01 UTC. */
  readonly date: number
  /** Minutes that the operator's clock is ahead of UTC. */
  readonly zone: number
  /** Addresses of the destination where they were looked up, canonical text; `null`: they were not. */
  readonly addresses: readonly string[] | null
  /** `null`: not looked at, or not yet. */
  readonly tls: TlsFacts | null
  /** The value of a field, several joined by ", "; `null`: there is none. `name` in lower case. */
  field(name: string): string | null
  /** The head as it stands, from the request line to the empty line; lent. */
  headBytes(): Uint8Array
}
