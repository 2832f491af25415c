/** An origin that says what it is told: a request's body as the answer's, and after an upgrade every byte. */
import { Buffer } from 'node:buffer'
import { createServer, type Socket } from 'node:net'

export interface Echo {
  readonly port: number
  stop(): void
}

const HEAD_END = '\r\n\r\n'
/** The example of RFC 6455, section 1.3: the answer to the key that messages.ts sends. */
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n'

export function startEcho(): Promise<Echo> {
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket))
    converse(socket)
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
      const address = server.address()
      resolve({
        port: address !== null && typeof address === 'object' ? address.port : 0,
        stop() {
          server.close()
          for (const socket of sockets) socket.destroy()
        },
      })
    })
  })
}

function converse(socket: Socket): void {
  let held = Buffer.alloc(0)
  const take = (bytes: Buffer) => {
    held = Buffer.concat([held, bytes])
    for (;;) {
      const end = held.indexOf(HEAD_END)
      if (end < 0) return
      const head = held.toString('latin1', 0, end)
      const body = end + HEAD_END.length
      if (/^upgrade: *websocket/im.test(head)) {
        socket.off('data', take).on('data', (bytes) => socket.write(bytes))
        socket.write(SWITCHING)
        if (held.length > body) socket.write(held.subarray(body))
        return
      }
      const size = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)
      if (held.length < body + size) return
      socket.write(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${size}\r\n\r\n`)
      socket.write(held.subarray(body, body + size))
      held = held.subarray(body + size)
    }
  }
  socket.on('data', take)
}
