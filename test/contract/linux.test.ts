/** What the epoll engine is made of, without a kernel but this one's constants. */
import { constants } from 'node:os'
import process from 'node:process'
import { describe, expect, it } from 'vitest'
import { socketAddress } from '../../adapters/linux/address.ts'
import { failureOf } from '../../adapters/linux/errno.ts'
import { Flow } from '../../adapters/linux/gather.ts'
import { eventWords } from '../../adapters/linux/libc.ts'
import { type Endpoint, SystemFailure } from '../../core/runtime.ts'

const here = process.platform === 'linux'

describe.skipIf(!here)('the epoll engine, in parts (skipped where the system is not Linux)', () => {
  it.each(
    [
      ['EPERM', 'denied'],
      ['ENOENT', 'missing'],
      ['EIO', 'other'],
      ['EBADF', 'other'],
      ['EAGAIN', 'exhausted'],
      ['ENOMEM', 'exhausted'],
      ['EACCES', 'denied'],
      ['EFAULT', 'other'],
      ['EEXIST', 'other'],
      ['ENOTDIR', 'missing'],
      ['EINVAL', 'other'],
      ['ENFILE', 'exhausted'],
      ['EMFILE', 'exhausted'],
      ['ENOSPC', 'full'],
      ['EROFS', 'denied'],
      ['EPIPE', 'reset'],
      ['ELOOP', 'other'],
      ['ENOSYS', 'unsupported'],
      ['EPROTOTYPE', 'other'],
      ['ENOPROTOOPT', 'other'],
      ['EPROTONOSUPPORT', 'unsupported'],
      ['EOPNOTSUPP', 'unsupported'],
      ['EAFNOSUPPORT', 'unsupported'],
      ['EADDRINUSE', 'in-use'],
      ['EADDRNOTAVAIL', 'not-available'],
      ['ENETDOWN', 'unreachable'],
      ['ENETUNREACH', 'unreachable'],
      ['ECONNABORTED', 'reset'],
      ['ECONNRESET', 'reset'],
      ['ENOBUFS', 'exhausted'],
      ['EISCONN', 'other'],
      ['ENOTCONN', 'reset'],
      ['ETIMEDOUT', 'timed-out'],
      ['ECONNREFUSED', 'refused'],
      ['EHOSTUNREACH', 'unreachable'],
    ] as const,
  )('calls %s %s', (name, code) => {
    const failure = failureOf(constants.errno[name])
    expect(failure).toBeInstanceOf(SystemFailure)
    expect([failure.code, failure.detail]).toEqual([code, name])
  })

  it('names a number that it does not know', () => {
    expect(failureOf(4095)).toMatchObject({ code: 'other', detail: 'errno 4095' })
  })

  it.each(
    [
      ['x64', { size: 3, data: 1 }],
      ['arm64', { size: 4, data: 2 }],
    ] as const,
  )('knows struct epoll_event of %s', (architecture, words) => {
    expect(eventWords(architecture)).toEqual(words)
  })

  const text = (endpoint: Endpoint) => {
    const size = socketAddress.write(endpoint)
    return [...socketAddress.bytes.subarray(0, size)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  }
  const read = (hex: string) => {
    const bytes = Uint8Array.from(hex.match(/../g) ?? [], (digits) => parseInt(digits, 16))
    socketAddress.expect()
    socketAddress.bytes.fill(0xee)
    socketAddress.bytes.set(bytes)
    // As the kernel does.
    new Int32Array(socketAddress.length.buffer)[0] = bytes.length
    return socketAddress.read()
  }
  const path = 'x'.repeat(107)

  it.each<[string, Endpoint, string]>([
    ['IPv4', { family: 4, address: '127.0.0.1', port: 8080 }, '02001f907f0000010000000000000000'],
    ['IPv4, no port', { family: 4, address: '255.254.253.252', port: 0 }, '02000000fffefdfc0000000000000000'],
    [
      'IPv6',
      { family: 6, address: '2001:db8::7', port: 65535 },
      '0a00ffff0000000020010db800000000000000000000000700000000',
    ],
    ['IPv6, any', { family: 6, address: '::', port: 1 }, '0a00000100000000' + '00'.repeat(20)],
    // An interface by a number there cannot be, since it has no name then.
    [
      'IPv6, a zone',
      { family: 6, address: 'fe80::1%999999', port: 2 },
      '0a00000200000000fe800000000000000000000000000001' + '3f420f00',
    ],
    ['a path', { family: 'unix', address: '/run/é', port: 0 }, '01002f72756e2fc3a900'],
    ['the longest path', { family: 'unix', address: path, port: 0 }, '0100' + '78'.repeat(107) + '00'],
  ])('writes and reads an address: %s', (_name, endpoint, hex) => {
    expect(text(endpoint)).toBe(hex)
    expect(read(hex)).toEqual(endpoint)
  })

  it('reads an IPv4 address mapped into IPv6 as the IPv4 address', () => {
    const mapped = '0a001f90000000000000000000000000' + '0000ffff7f000001' + '00000000'
    expect(read(mapped)).toEqual({ family: 4, address: '127.0.0.1', port: 8080 })
  })

  it.each([
    ['nothing but the family', '0100'],
    ['an abstract name', '010000616263'],
  ])('reads an unnamed unix socket: %s', (_name, hex) => {
    expect(read(hex)).toEqual({ family: 'unix', address: '', port: 0 })
  })

  it('reads a path that fills its room, without a zero', () => {
    expect(read('0100' + '79'.repeat(108)).address).toBe('y'.repeat(108))
  })

  it.each<[string, Endpoint, string]>([
    ['a path too long', { family: 'unix', address: 'x'.repeat(108), port: 0 }, 'other'],
    ['a path too long in bytes alone', { family: 'unix', address: 'é'.repeat(54), port: 0 }, 'other'],
    ['an IPv4 address said to be IPv6', { family: 6, address: '127.0.0.1', port: 0 }, 'other'],
    ['an IPv6 address said to be IPv4', { family: 4, address: '::1', port: 0 }, 'other'],
    ['a name', { family: 4, address: 'localhost', port: 0 }, 'other'],
    ['an interface that is not there', { family: 6, address: 'fe80::1%nowhere', port: 0 }, 'not-available'],
  ])('refuses to write %s', (_name, endpoint, code) => {
    expect(() => socketAddress.write(endpoint)).toThrow(expect.objectContaining({ name: 'SystemFailure', code }))
  })

  describe('what a flow lets gather', () => {
    const MEGABYTE = 1_048_576

    function flowing() {
      const wanted: number[] = []
      let begun = 0
      const patience = { possible: true, begin: () => void begun++, end() {} }
      const flow = new Flow(patience, { want: (least) => wanted.push(least), look: () => true })
      /** Whether it waits for more. */
      const waits = (most = Infinity): boolean => {
        const before = begun
        flow.wait(most)
        return begun > before
      }
      /** How much has to come until it waits again, in MB. */
      const needed = (): number => {
        for (let count = 0;; count++) {
          if (waits()) return count
          flow.took(MEGABYTE)
        }
      }
      return { flow, wanted, waits, needed }
    }

    it('waits after 1 MB, for 256 KB or what may be moved, and tells of each byte when asked to', () => {
      const { flow, wanted, waits } = flowing()
      flow.took(MEGABYTE - 1)
      expect(waits()).toBe(false)
      flow.took(1)
      expect(waits()).toBe(true)
      expect(waits(100)).toBe(true)
      flow.hasten()
      flow.hasten()
      expect(wanted).toEqual([262_144, 100, 1])
    })

    it('waits ever less where it is in vain, and again as before once it is not', () => {
      const { flow, needed } = flowing()
      const inVain = () =>
        Array.from({ length: 12 }, () => {
          const count = needed()
          flow.late()
          return count
        })
      const first = inVain()
      expect(first[0]).toBe(1)
      expect(Math.max(...first.slice(0, 4))).toBeLessThanOrEqual(2)
      expect(first.at(-1)).toBeGreaterThan(first[6])
      expect(Math.max(...first, ...inVain())).toBeLessThanOrEqual(66)
      expect(needed()).toBeGreaterThan(60)
      flow.took(262_144)
      flow.late()
      expect(needed()).toBeLessThanOrEqual(1)
    })

    it('waits for nothing just after it was answered', () => {
      const { flow, waits } = flowing()
      flow.took(10 * MEGABYTE)
      flow.answered()
      expect(waits()).toBe(false)
    })

    it('waits for nothing where there is no timer', () => {
      const flow = new Flow({ possible: false, begin: () => expect.unreachable(), end() {} }, {
        want() {},
        look: () => true,
      })
      flow.took(10 * MEGABYTE)
      flow.wait(Infinity)
      expect(flow.gathers).toBe(false)
    })
  })
})
