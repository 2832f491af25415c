/** Squid in the foreground, which asks an ICAP service about each request. */

import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, listens, newFolder, Peer } from './peers.ts'

export class Squid extends Peer {
  readonly port: number

  private constructor(folder: string, port: number) {
    super(folder, 'squid', ['-N', '-f', join(folder, 'squid.conf')])
    this.port = port
  }

  /** `service`: the URL of the ICAP service. `more`: lines of squid.conf. */
  static async start(service: string, ...more: string[]): Promise<Squid> {
    const folder = newFolder()
    // Started by root, Squid becomes another user, who has to get in.
    chmodSync(folder, 0o755)
    const port = await freePort()
    writeFileSync(
      join(folder, 'squid.conf'),
      [
        `http_port 127.0.0.1:${port}`,
        'pid_filename none',
        'cache_log stdio:/dev/stderr',
        'access_log none',
        'netdb_filename none',
        'cache deny all',
        'cache_mem 8 MB',
        'visible_hostname squid.test',
        'shutdown_lifetime 0 seconds',
        `coredump_dir ${folder}`,
        // No name is looked up: the tests' origins are addresses.
        'dns_nameservers 127.0.0.1',
        'acl CONNECT method CONNECT',
        'http_access allow all',
        'icap_enable on',
        'icap_preview_enable on',
        'adaptation_send_client_ip on',
        'adaptation_send_username on',
        `icap_service exa reqmod_precache ${service} bypass=off`,
        'adaptation_access exa allow all',
        ...more,
        '',
      ].join('\n'),
    )
    const squid = new Squid(folder, port)
    await squid.ready(() => listens(port, '127.0.0.1'), 'squid')
    return squid
  }
}
