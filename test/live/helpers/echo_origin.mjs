// An origin that says whom it saw: echo_origin.mjs ADDRESS PORT [CERT KEY]. See Space.echo in ../network.ts.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'

const [address, port, cert, key] = process.argv.slice(2)

const place = (host, number) => {
  const plain = host.replace(/^::ffff:(?=\d+\.)/, '')
  return plain.includes(':') ? `[${plain}]:${number}` : `${plain}:${number}`
}

function serve(socket) {
  socket.on('error', () => socket.destroy())
  const seen = {
    peer: place(socket.remoteAddress, socket.remotePort),
    local: place(socket.localAddress, socket.localPort),
    name: socket.servername || undefined,
  }
  let head = ''
  let raw = false
  socket.on('data', (chunk) => {
    if (raw) return void socket.write(chunk)
    head += chunk.toString('latin1')
    // A method and a space, as far as they have come: else it is no HTTP.
    if (!/^[A-Z]{1,8}(?: [^]*)?$/.test(head)) {
      raw = true
      return void socket.write(`${JSON.stringify(seen)}\n${head}`)
    }
    for (let end; (end = head.indexOf('\r\n\r\n')) !== -1;) {
      const host = /^host: *(.*?)\r?$/im.exec(head.slice(0, end + 2))?.[1]
      const body = JSON.stringify({ ...seen, host, target: head.split(' ', 2)[1] })
      head = head.slice(end + 4)
      socket.write(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    }
  })
  socket.on('end', () => socket.end())
}

const options = { allowHalfOpen: true }
const server = cert
  ? createTlsServer({ ...options, cert: readFileSync(cert), key: readFileSync(key) }, serve)
  : createServer(options, serve)
server.listen(Number(port), address, () => console.log('listening'))
