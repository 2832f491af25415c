/**
 * The calls of libc that the engine makes: one table, from which each runtime's FFI binds them, and the constants they take.
 *
 * Numbers are those of Linux on x86-64 and arm64, with glibc or musl; where the two differ it is said.
 */

/** `i32` an int, `usize` a size or an offset, `bytes` the address of the first byte of a Uint8Array. */
export type Kind = 'i32' | 'usize' | 'bytes'

/** All of them give an int: -1 is a failure, and {@link Libc.errno} says which. Sizes given back are below 2 GB. */
export const CALLS = {
  accept4: ['i32', 'bytes', 'bytes', 'i32'],
  bind: ['i32', 'bytes', 'i32'],
  close: ['i32'],
  connect: ['i32', 'bytes', 'i32'],
  epoll_create1: ['i32'],
  epoll_ctl: ['i32', 'i32', 'i32', 'bytes'],
  epoll_wait: ['i32', 'bytes', 'i32', 'i32'],
  fcntl: ['i32', 'i32', 'i32'],
  getsockname: ['i32', 'bytes', 'bytes'],
  getsockopt: ['i32', 'i32', 'i32', 'bytes', 'bytes'],
  listen: ['i32', 'i32'],
  pipe2: ['bytes', 'i32'],
  recv: ['i32', 'bytes', 'usize', 'i32'],
  send: ['i32', 'bytes', 'usize', 'i32'],
  setsockopt: ['i32', 'i32', 'i32', 'bytes', 'i32'],
  shutdown: ['i32', 'i32'],
  socket: ['i32', 'i32', 'i32'],
  socketpair: ['i32', 'i32', 'i32', 'bytes'],
  splice: ['i32', 'usize', 'i32', 'usize', 'usize', 'i32'],
  timerfd_create: ['i32', 'i32'],
  timerfd_settime: ['i32', 'i32', 'bytes', 'bytes'],
} as const satisfies Readonly<Record<string, readonly Kind[]>>

type Argument<K> = K extends 'bytes' ? Uint8Array : number
type Arguments<Kinds extends readonly Kind[]> = { -readonly [At in keyof Kinds]: Argument<Kinds[At]> }

export type Calls = { readonly [Name in keyof typeof CALLS]: (...args: Arguments<(typeof CALLS)[Name]>) => number }

export interface Libc extends Calls {
  /** Of the call that failed: good only straight after it. */
  errno(): number
}

/** Where libc is: glibc, then musl by the names of both architectures. */
export const LIBRARIES: readonly string[] = ['libc.so.6', 'libc.musl-x86_64.so.1', 'libc.musl-aarch64.so.1']

export const EPOLL_CLOEXEC = 0o2000000
export const EPOLL_CTL_ADD = 1
export const EPOLL_CTL_DEL = 2
export const EPOLL_CTL_MOD = 3
export const EPOLLIN = 0x001
export const EPOLLPRI = 0x002
export const EPOLLOUT = 0x004
export const EPOLLERR = 0x008
export const EPOLLHUP = 0x010
export const EPOLLRDHUP = 0x2000
export const EPOLLET = 1 << 31

export const AF_UNIX = 1
export const AF_INET = 2
export const AF_INET6 = 10
export const SOCK_STREAM = 1
export const SOCK_NONBLOCK = 0o4000
export const SOCK_CLOEXEC = 0o2000000
export const SHUT_WR = 1
export const MSG_PEEK = 0x02
export const MSG_NOSIGNAL = 0x4000

export const SOL_SOCKET = 1
export const SO_REUSEADDR = 2
export const SO_ERROR = 4
export const SO_LINGER = 13
export const SO_REUSEPORT = 15
export const SO_KEEPALIVE = 9
export const SO_RCVLOWAT = 18
export const SO_ACCEPTCONN = 30
export const SO_MARK = 36
export const IPPROTO_IP = 0
export const IPPROTO_TCP = 6
export const IPPROTO_IPV6 = 41
export const IP_TOS = 1
export const IP_TRANSPARENT = 19
export const IP_BIND_ADDRESS_NO_PORT = 24
export const IPV6_V6ONLY = 26
export const IPV6_TCLASS = 67
export const IPV6_TRANSPARENT = 75
/** Of netfilter, the same number in both families: where a connection went before it was turned round. */
export const SO_ORIGINAL_DST = 80
export const TCP_NODELAY = 1
export const TCP_KEEPIDLE = 4
export const TCP_KEEPINTVL = 5
export const TCP_KEEPCNT = 6
export const TCP_INFO = 11
export const TCP_USER_TIMEOUT = 18

export const CLOCK_MONOTONIC = 1
export const O_NONBLOCK = 0o4000
export const O_CLOEXEC = 0o2000000
export const O_RDWR = 2
export const F_SETFL = 4
export const F_DUPFD_CLOEXEC = 1030
export const F_SETPIPE_SZ = 1031
export const SPLICE_F_MOVE = 1
export const SPLICE_F_NONBLOCK = 2
export const SPLICE_F_MORE = 4

export const EINTR = 4
export const EAGAIN = 11
export const ENFILE = 23
export const EMFILE = 24
export const ENOBUFS = 105
export const ENOMEM = 12
export const EINPROGRESS = 115

/** struct epoll_event is packed on x86-64 only: events (4 bytes), then data (8), at 4 or at 8. In words of 4 bytes. */
export const eventWords = (architecture: string): { size: number; data: number } =>
  architecture === 'x64' ? { size: 3, data: 1 } : { size: 4, data: 2 }
