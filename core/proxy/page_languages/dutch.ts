import { type PageLanguage, row } from '../page_words.ts'

const NOT_UNDERSTOOD = 'Het verzoek is niet begrepen'
const TOO_LONG = 'Het verzoek duurde te lang'
const NOT_HERE = 'Dit is hier niet toegestaan'
const NO_ACCESS = 'Toegang tot dit adres is niet toegestaan'
const NOT_LOOKED_UP = 'De site kon niet worden opgezocht'
const NOT_REACHED = 'De site is niet bereikbaar'
const SITE_SLOW = 'De site doet er te lang over'
const BAD_ANSWER = 'Het antwoord van de site is niet begrepen'

const CLIENT_FAULT =
  'Probeer het opnieuw. Blijft het gebeuren, dan doet het programma dat u gebruikt, of iets tussen dat ' +
  'programma en deze proxy, verzoeken die niet veilig kunnen worden doorgegeven: meld het aan wie ervoor zorgt.'
const SLOW = 'Controleer uw verbinding met het netwerk en probeer het opnieuw.'
const LATER = 'Wacht even en probeer het opnieuw. Blijft het gebeuren, meld het dan aan de beheerder van de proxy.'
const RULES =
  'Vindt u dat u toegang zou moeten hebben, vraag het dan aan de beheerder van de proxy en vertel erbij wat er ' +
  'op deze pagina staat.'
const NAME =
  'Controleer of het adres goed is geschreven. Is het juist, dan is de site misschien verhuisd of bestaat hij ' +
  'niet meer.'
const NAMES = 'Wacht even en probeer het opnieuw. Als andere sites werken, ligt het aan de nameservers van deze site.'
const SITE =
  'Wacht even en probeer het opnieuw. Als andere sites werken, ligt het aan deze site: alleen de eigenaars ' +
  'kunnen het verhelpen.'
const RESPONSE = 'Probeer het opnieuw. Blijft het gebeuren, dan ligt het aan de site: alleen de eigenaars kunnen het ' +
  'verhelpen.'

export const DUTCH: PageLanguage = {
  tag: 'nl',
  direction: 'ltr',
  colon: ': ',
  trouble: {
    policy: 'Geblokkeerd door dit netwerk',
    site: 'Probleem met de site',
    request: 'Probleem met het verzoek',
    proxy: 'Probleem met de proxy',
  },
  labels: {
    url: 'U vroeg om',
    category: 'Categorie',
    rule: 'Regel',
    by: 'Besloten door',
    why: 'Reden',
    detail: 'Details',
    error: 'Fout',
    advice: 'Wat u kunt doen',
    contact: 'Contact',
    time: 'Tijd',
    client: 'Uw adres',
    proxy: 'Proxy',
    id: 'Kenmerk',
  },
  failures: {
    'bad-request': row(NOT_UNDERSTOOD, 'Het verzoek is geen geldig HTTP/1.1.', CLIENT_FAULT),
    'bad-target': row(
      'Het adres is niet geldig',
      'Het doel van het verzoek is niet geldig.',
      'Controleer of er tekens in het adres staan die er niet in horen.',
    ),
    'bad-host': row(NOT_UNDERSTOOD, 'Het veld Host ontbreekt, komt meermaals voor of is niet geldig.', CLIENT_FAULT),
    'bad-framing': row(
      NOT_UNDERSTOOD,
      'Waar de inhoud van het verzoek eindigt, is niet met zekerheid te bepalen.',
      CLIENT_FAULT,
    ),
    'bad-body': row(
      'Het verzoek is onderweg beschadigd',
      'De inhoud van het verzoek is niet begrensd zoals was aangekondigd.',
      CLIENT_FAULT,
    ),
    'not-a-proxy-request': row(
      'Dit is een proxy, geen website',
      'Dit is een proxy: het doel van het verzoek moet een absolute URI zijn.',
      'Vul dit adres in als proxy bij de instellingen van uw browser of systeem, niet als adres van een pagina.',
    ),
    'wrong-scheme': row(
      'Dit soort adres wordt niet ondersteund',
      'Deze proxy haalt adressen met http:// op; andere gaan via CONNECT.',
      'Gebruik een adres dat begint met http:// of https://.',
    ),
    'head-timeout': row(TOO_LONG, 'De kop van het verzoek is niet op tijd aangekomen.', SLOW),
    'body-timeout': row(TOO_LONG, 'De inhoud van het verzoek is niet op tijd aangekomen.', SLOW),
    'target-too-long': row(
      'Het adres is te lang',
      'Het doel van het verzoek is langer dan deze proxy aanneemt.',
      'Gebruik een korter adres.',
    ),
    'expectation-failed': row(NOT_UNDERSTOOD, 'Het veld Expect vraagt om iets onbekends.', CLIENT_FAULT),
    'head-too-large': row(
      'Het verzoek is te groot',
      'De kop van het verzoek is groter dan deze proxy aanneemt.',
      'Verwijder de cookies die uw browser voor deze site bewaart en probeer het opnieuw.',
    ),
    'method-unknown': row(NOT_UNDERSTOOD, 'Deze methode geeft de proxy niet door.', CLIENT_FAULT),
    'coding-unknown': row(NOT_UNDERSTOOD, 'Deze overdrachtscodering kent de proxy niet.', CLIENT_FAULT),
    'version-unknown': row(NOT_UNDERSTOOD, 'Deze versie van HTTP spreekt de proxy niet.', CLIENT_FAULT),
    'client-left': row('Het verzoek is afgebroken', 'De client is voor het einde vertrokken.', 'Probeer het opnieuw.'),
    'too-many-connections': row(
      'De proxy is overbelast',
      'Er zijn te veel verbindingen; probeer het later opnieuw.',
      LATER,
    ),
    'method-refused': row(NOT_HERE, 'Deze methode is hier niet toegestaan.', RULES),
    'port-refused': row('Deze poort is niet toegestaan', 'CONNECT naar deze poort is niet toegestaan.', RULES),
    'destination-refused': row(NO_ACCESS, 'Deze bestemming is niet toegestaan.', RULES),
    'local-refused': row(NO_ACCESS, 'Deze bestemming is de machine van de proxy zelf; dat is niet toegestaan.', RULES),
    'name-refused': row(
      'Deze naam is niet volledig',
      'Namen zonder punt zijn niet toegestaan.',
      'Gebruik de volledige naam van de site, zoals www.example.com.',
    ),
    'login-needed': row(NOT_HERE, 'Deze proxy bedient alleen wie zich aanmeldt.', RULES),
    'denied': row(NOT_HERE, 'De regels van dit netwerk staan dit niet toe.', RULES),
    'filter-unavailable': row(
      'Het filter is niet beschikbaar',
      'Het filter van dit netwerk kan op dit moment niet beslissen.',
      LATER,
    ),
    'no-upstream': row('Deze site is hier niet', 'Er wordt hier geen site met die naam aangeboden.', NAME),
    'servers-busy': row(
      'De site is overbelast',
      'De servers van deze site nemen op dit moment geen verzoeken meer aan.',
      LATER,
    ),
    'source-unavailable': row(
      'De proxy kan geen verbinding maken',
      'De proxy heeft geen vrij adres, geen vrije poort of geen vrije socket om vanaf te verbinden.',
      LATER,
    ),
    'loop': row(
      'Het verzoek gaat in een kring rond',
      'Het verzoek is al eerder door deze proxy gegaan.',
      'Meld aan de beheerder van de proxy dat die zo is ingesteld dat hij zichzelf vraagt.',
    ),
    'bug': row(
      'De proxy heeft een fout gemaakt',
      'Deze proxy heeft een fout gemaakt.',
      'Probeer het opnieuw. Blijft het gebeuren, vertel de beheerder van de proxy dan wat er op deze pagina staat.',
    ),
    'name-not-found': row('De site is niet gevonden', 'De naam bestaat niet.', NAME),
    'name-no-address': row('De site heeft geen adres', 'De naam heeft geen adres.', NAME),
    'name-failed': row(NOT_LOOKED_UP, 'De nameservers konden voor deze naam geen antwoord geven.', NAMES),
    'name-timeout': row(NOT_LOOKED_UP, 'De nameservers hebben niet op tijd geantwoord.', NAMES),
    'connect-refused': row(NOT_REACHED, 'De server weigert verbindingen.', SITE),
    'connect-unreachable': row(NOT_REACHED, 'De server is niet te bereiken.', SITE),
    'connect-failed': row(NOT_REACHED, 'De verbinding met de server kon niet worden gemaakt.', SITE),
    'connect-timeout': row('De site antwoordt niet', 'De server heeft de verbinding niet op tijd aanvaard.', SITE),
    'parent-refused': row(NOT_REACHED, 'De bovenliggende proxy maakt geen verbinding met deze server.', SITE),
    'parent-login': row(NOT_REACHED, 'De bovenliggende proxy aanvaardt de aanmelding van deze proxy niet.', LATER),
    'servers-down': row(NOT_REACHED, 'Geen van de servers van deze site is beschikbaar.', SITE),
    'response-timeout': row(SITE_SLOW, 'De server heeft niet op tijd geantwoord.', SITE),
    'bad-response': row(BAD_ANSWER, 'De server heeft een antwoord gestuurd dat geen geldig HTTP/1.1 is.', RESPONSE),
    'response-head-too-large': row(BAD_ANSWER, 'De kop van het antwoord van de server is te groot.', RESPONSE),
    'origin-left': row(
      'De site heeft afgebroken',
      'De server heeft de verbinding gesloten voor het einde van zijn antwoord.',
      RESPONSE,
    ),
    'origin-idle': row(SITE_SLOW, 'De server stuurt niets meer.', SITE),
    'tunnel-idle': row(
      'De verbinding is niet gebruikt',
      'Er is te lang niets door de tunnel gegaan.',
      'Probeer het opnieuw.',
    ),
    'stopped': row('De proxy is gestopt', 'De proxy is voor het einde gestopt.', 'Probeer het opnieuw.'),
  },
}
