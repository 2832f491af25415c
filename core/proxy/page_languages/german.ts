import { type PageLanguage, row } from '../page_words.ts'

const NOT_UNDERSTOOD = 'Die Anfrage wurde nicht verstanden'
const TOO_LONG = 'Die Anfrage hat zu lange gedauert'
const NOT_HERE = 'Das ist hier nicht erlaubt'
const NO_ACCESS = 'Der Zugriff auf diese Adresse ist nicht erlaubt'
const NOT_LOOKED_UP = 'Der Name der Website konnte nicht aufgelöst werden'
const NOT_REACHED = 'Die Website ist nicht erreichbar'
const SITE_SLOW = 'Die Website braucht zu lange'
const BAD_ANSWER = 'Die Antwort der Website wurde nicht verstanden'

const CLIENT_FAULT =
  'Versuchen Sie es noch einmal. Bleibt es dabei, stellt Ihr Programm, oder etwas zwischen ihm und ' +
  'diesem Proxy, Anfragen, die sich nicht gefahrlos weiterleiten lassen: Sagen Sie es dem, der dafür zuständig ist.'
const SLOW = 'Prüfen Sie Ihre Verbindung zum Netz und versuchen Sie es noch einmal.'
const LATER =
  'Warten Sie einen Augenblick und versuchen Sie es noch einmal. Bleibt es dabei, sagen Sie es dem Betreiber ' +
  'des Proxys.'
const RULES =
  'Wenn Sie meinen, dass Sie Zugriff haben sollten, wenden Sie sich an den Betreiber des Proxys und nennen ' +
  'Sie ihm, was auf dieser Seite steht.'
const NAME =
  'Prüfen Sie die Schreibweise der Adresse. Stimmt sie, ist die Website vielleicht umgezogen oder besteht nicht ' +
  'mehr.'
const NAMES =
  'Warten Sie einen Augenblick und versuchen Sie es noch einmal. Wenn andere Websites gehen, liegt es an den ' +
  'Nameservern dieser Website.'
const SITE =
  'Warten Sie einen Augenblick und versuchen Sie es noch einmal. Wenn andere Websites gehen, liegt es an dieser ' +
  'Website: Nur ihre Betreiber können es beheben.'
const RESPONSE =
  'Versuchen Sie es noch einmal. Bleibt es dabei, liegt es an der Website: Nur ihre Betreiber können es ' +
  'beheben.'

export const GERMAN: PageLanguage = {
  tag: 'de',
  direction: 'ltr',
  colon: ': ',
  trouble: {
    policy: 'Von diesem Netz gesperrt',
    site: 'Problem mit der Website',
    request: 'Problem mit der Anfrage',
    proxy: 'Problem mit dem Proxy',
  },
  labels: {
    url: 'Sie wollten zu',
    category: 'Kategorie',
    rule: 'Regel',
    by: 'Entschieden von',
    why: 'Grund',
    detail: 'Einzelheiten',
    error: 'Fehler',
    advice: 'Was Sie tun können',
    contact: 'Kontakt',
    time: 'Zeit',
    client: 'Ihre Adresse',
    proxy: 'Proxy',
    id: 'Kennung',
  },
  failures: {
    'bad-request': row(NOT_UNDERSTOOD, 'Die Anfrage ist kein gültiges HTTP/1.1.', CLIENT_FAULT),
    'bad-target': row(
      'Die Adresse ist nicht gültig',
      'Das Ziel der Anfrage ist nicht gültig.',
      'Prüfen Sie, ob in der Adresse Zeichen stehen, die nicht hineingehören.',
    ),
    'bad-host': row(NOT_UNDERSTOOD, 'Das Feld Host fehlt, kommt mehrmals vor oder ist nicht gültig.', CLIENT_FAULT),
    'bad-framing': row(NOT_UNDERSTOOD, 'Wo der Inhalt der Anfrage endet, ist nicht sicher zu erkennen.', CLIENT_FAULT),
    'bad-body': row(
      'Die Anfrage wurde unterwegs beschädigt',
      'Der Inhalt der Anfrage ist nicht so begrenzt, wie es angekündigt war.',
      CLIENT_FAULT,
    ),
    'not-a-proxy-request': row(
      'Dies ist ein Proxy und keine Website',
      'Dies ist ein Proxy: Das Ziel der Anfrage muss eine absolute URI sein.',
      'Tragen Sie diese Adresse in den Einstellungen Ihres Browsers oder Systems als Proxy ein, nicht als Adresse einer ' +
        'Seite.',
    ),
    'wrong-scheme': row(
      'Diese Art von Adresse wird nicht unterstützt',
      'Dieser Proxy holt Adressen mit http://; andere gehen über CONNECT.',
      'Verwenden Sie eine Adresse, die mit http:// oder https:// beginnt.',
    ),
    'head-timeout': row(TOO_LONG, 'Der Kopf der Anfrage ist nicht rechtzeitig angekommen.', SLOW),
    'body-timeout': row(TOO_LONG, 'Der Inhalt der Anfrage ist nicht rechtzeitig angekommen.', SLOW),
    'target-too-long': row(
      'Die Adresse ist zu lang',
      'Das Ziel der Anfrage ist länger, als dieser Proxy es annimmt.',
      'Verwenden Sie eine kürzere Adresse.',
    ),
    'expectation-failed': row(NOT_UNDERSTOOD, 'Das Feld Expect verlangt etwas Unbekanntes.', CLIENT_FAULT),
    'head-too-large': row(
      'Die Anfrage ist zu groß',
      'Der Kopf der Anfrage ist größer, als dieser Proxy ihn annimmt.',
      'Löschen Sie die Cookies, die Ihr Browser für diese Website gespeichert hat, und versuchen Sie es noch einmal.',
    ),
    'method-unknown': row(NOT_UNDERSTOOD, 'Diese Methode leitet der Proxy nicht weiter.', CLIENT_FAULT),
    'coding-unknown': row(NOT_UNDERSTOOD, 'Diese Übertragungskodierung kennt der Proxy nicht.', CLIENT_FAULT),
    'version-unknown': row(NOT_UNDERSTOOD, 'Diese Version von HTTP spricht der Proxy nicht.', CLIENT_FAULT),
    'client-left': row(
      'Die Anfrage wurde abgebrochen',
      'Der Client ist vor dem Ende gegangen.',
      'Versuchen Sie es noch einmal.',
    ),
    'too-many-connections': row(
      'Der Proxy ist ausgelastet',
      'Es gibt zu viele Verbindungen; versuchen Sie es später noch einmal.',
      LATER,
    ),
    'method-refused': row(NOT_HERE, 'Diese Methode ist hier nicht erlaubt.', RULES),
    'port-refused': row('Dieser Port ist nicht erlaubt', 'CONNECT zu diesem Port ist nicht erlaubt.', RULES),
    'destination-refused': row(NO_ACCESS, 'Dieses Ziel ist nicht erlaubt.', RULES),
    'local-refused': row(NO_ACCESS, 'Das Ziel ist der Rechner des Proxys selbst; das ist nicht erlaubt.', RULES),
    'name-refused': row(
      'Dieser Name ist nicht vollständig',
      'Namen ohne Punkt sind nicht erlaubt.',
      'Verwenden Sie den vollen Namen der Website, etwa www.example.com.',
    ),
    'login-needed': row(NOT_HERE, 'Dieser Proxy bedient nur, wer sich anmeldet.', RULES),
    'denied': row(NOT_HERE, 'Die Regeln dieses Netzes erlauben das nicht.', RULES),
    'filter-unavailable': row(
      'Der Filter ist nicht verfügbar',
      'Der Filter dieses Netzes kann im Augenblick nicht entscheiden.',
      LATER,
    ),
    'no-upstream': row('Diese Website gibt es hier nicht', 'Unter diesem Namen gibt es hier keine Website.', NAME),
    'servers-busy': row(
      'Die Website ist ausgelastet',
      'Die Server dieser Website nehmen im Augenblick keine weiteren Anfragen an.',
      LATER,
    ),
    'source-unavailable': row(
      'Der Proxy kann sich nicht verbinden',
      'Der Proxy hat keine Adresse, keinen Port oder keinen Socket frei, um sich zu verbinden.',
      LATER,
    ),
    'loop': row(
      'Die Anfrage läuft im Kreis',
      'Die Anfrage ist schon einmal durch diesen Proxy gegangen.',
      'Sagen Sie dem Betreiber des Proxys, dass dieser so eingestellt ist, dass er sich selbst fragt.',
    ),
    'bug': row(
      'Der Proxy hat einen Fehler gemacht',
      'Dieser Proxy hat einen Fehler gemacht.',
      'Versuchen Sie es noch einmal. Bleibt es dabei, nennen Sie dem Betreiber des Proxys, was auf dieser Seite steht.',
    ),
    'name-not-found': row('Die Website wurde nicht gefunden', 'Diesen Namen gibt es nicht.', NAME),
    'name-no-address': row('Die Website hat keine Adresse', 'Zu diesem Namen gibt es keine Adresse.', NAME),
    'name-failed': row(NOT_LOOKED_UP, 'Die Nameserver konnten zu diesem Namen keine Auskunft geben.', NAMES),
    'name-timeout': row(NOT_LOOKED_UP, 'Die Nameserver haben nicht rechtzeitig geantwortet.', NAMES),
    'connect-refused': row(NOT_REACHED, 'Der Server nimmt keine Verbindungen an.', SITE),
    'connect-unreachable': row(NOT_REACHED, 'Der Server ist nicht erreichbar.', SITE),
    'connect-failed': row(NOT_REACHED, 'Die Verbindung zum Server kam nicht zustande.', SITE),
    'connect-timeout': row(
      'Die Website antwortet nicht',
      'Der Server hat die Verbindung nicht rechtzeitig angenommen.',
      SITE,
    ),
    'parent-refused': row(NOT_REACHED, 'Der übergeordnete Proxy verbindet nicht mit diesem Server.', SITE),
    'parent-login': row(NOT_REACHED, 'Der übergeordnete Proxy nimmt die Anmeldung dieses Proxys nicht an.', LATER),
    'servers-down': row(NOT_REACHED, 'Keiner der Server dieser Website ist verfügbar.', SITE),
    'response-timeout': row(SITE_SLOW, 'Der Server hat nicht rechtzeitig geantwortet.', SITE),
    'bad-response': row(
      BAD_ANSWER,
      'Der Server hat eine Antwort gesendet, die kein gültiges HTTP/1.1 ist.',
      RESPONSE,
    ),
    'response-head-too-large': row(BAD_ANSWER, 'Der Kopf der Antwort des Servers ist zu groß.', RESPONSE),
    'origin-left': row(
      'Die Website hat abgebrochen',
      'Der Server hat die Verbindung vor dem Ende seiner Antwort geschlossen.',
      RESPONSE,
    ),
    'origin-idle': row(SITE_SLOW, 'Der Server hat aufgehört zu senden.', SITE),
    'tunnel-idle': row(
      'Die Verbindung wurde nicht benutzt',
      'Durch den Tunnel ist zu lange nichts gegangen.',
      'Versuchen Sie es noch einmal.',
    ),
    'stopped': row(
      'Der Proxy wurde angehalten',
      'Der Proxy wurde vor dem Ende angehalten.',
      'Versuchen Sie es noch einmal.',
    ),
  },
}
