/** What `exaproxy help` says. */

import { PLACES } from '../config/find_file.ts'
import { EXIT_WORDS } from '../exit_codes.ts'

const EXITS = EXIT_WORDS.map(([code, words]) => `  ${String(code).padStart(2)}  ${words}`).join('\n')

export const HELP = `A non-caching, filtering HTTP/1.1 proxy.

Usage:
  exaproxy [--config FILE] [--set OPTION=VALUE]...          run the proxy
  exaproxy config [--diff] [--config FILE] [--set ...]...   print the configuration in force, and where it comes from
  exaproxy config check [FILE]                              say what is wrong with a configuration file
  exaproxy config schema                                    print the JSON Schema of the file, for editors
  exaproxy config reference                                 print all options, as Markdown
  exaproxy rules test URL [--client IP] [...]               say which rule would decide about a request, and why
  exaproxy rules list                                       print the rules: number, name, what they do, where they are
  exaproxy nft [--ip] [--config FILE] [--set ...]...        print the nftables rules (the routes) that capture needs
  exaproxy version
  exaproxy help

Options:
  -c, --config FILE         the configuration file; else EXAPROXY_CONFIG; else the first that there is of
                            ${PLACES.join(', ')}; else defaults
  -s, --set OPTION=VALUE    set an option, as --set listener.http.address=127.0.0.1:3128; may be repeated
      --diff                only what differs from the defaults
      --ip                  of exaproxy nft: the commands that make the routes for TPROXY
  -h, --help                this text
  -V, --version             the version and the runtime

Of exaproxy rules test (http://..., https://... or host:port as a client would ask for it):
      --client IP           who asks; else 127.0.0.1
      --user NAME           the name it has logged in with
      --method METHOD       else GET, or CONNECT for https://... and host:port
      --listener NAME       where it comes in; else the first listener
      --time TIME           when, as "2026-11-25 09:00" or "09:00"; else now
      --header FIELD        as "Name: value"; may be repeated
      --address IP          an address of the destination; may be repeated
      --sni NAME, --ech     what the ClientHello inside the tunnel says

Every option may also come from the environment, as EXAPROXY_LISTENER_HTTP_ADDRESS=127.0.0.1:3128. A variable
is stronger than the file, and --set is stronger than both.

Signals, to the process that was started (its workers are its children):
  SIGTERM, SIGINT    finish what is in flight within service.drain_timeout, then stop; a second one stops at once
  SIGQUIT            finish all of what is in flight, then stop
  SIGHUP, SIGUSR1    open the log files again
  SIGHUP             and read lists, certificates, users and credentials again

Exit codes:
${EXITS}
`
