import { type PageLanguage, row } from '../page_words.ts'

const NOT_UNDERSTOOD = 'La richiesta non è stata compresa'
const TOO_LONG = 'La richiesta ha impiegato troppo tempo'
const NOT_HERE = 'Questo non è consentito qui'
const NO_ACCESS = 'L’accesso a questo indirizzo non è consentito'
const NOT_LOOKED_UP = 'Non è stato possibile individuare il sito'
const NOT_REACHED = 'Il sito non è raggiungibile'
const SITE_SLOW = 'Il sito impiega troppo tempo'
const BAD_ANSWER = 'La risposta del sito non è stata compresa'

const CLIENT_FAULT =
  'Riprova. Se il problema continua, il programma che usi, o qualcosa tra esso e questo proxy, invia ' +
  'richieste che non è sicuro inoltrare: avvisa chi se ne occupa.'
const SLOW = 'Controlla la connessione alla rete e riprova.'
const LATER = 'Attendi un momento e riprova. Se il problema continua, avvisa l’amministratore del proxy.'
const RULES =
  'Se ritieni di dover avere accesso, rivolgiti all’amministratore del proxy e riferiscigli quanto dice questa ' +
  'pagina.'
const NAME =
  'Controlla che l’indirizzo sia scritto bene. Se lo è, il sito potrebbe essersi spostato o non esistere più.'
const NAMES =
  'Attendi un momento e riprova. Se altri siti funzionano, il problema è nei server dei nomi di questo sito.'
const SITE = 'Attendi un momento e riprova. Se altri siti funzionano, il problema è di questo sito: solo i suoi ' +
  'responsabili possono risolverlo.'
const RESPONSE = 'Riprova. Se il problema continua, è del sito: solo i suoi responsabili possono risolverlo.'

export const ITALIAN: PageLanguage = {
  tag: 'it',
  direction: 'ltr',
  colon: ': ',
  trouble: {
    policy: 'Bloccato da questa rete',
    site: 'Problema con il sito',
    request: 'Problema con la richiesta',
    proxy: 'Problema con il proxy',
  },
  labels: {
    url: 'Hai richiesto',
    category: 'Categoria',
    rule: 'Regola',
    by: 'Deciso da',
    why: 'Motivo',
    detail: 'Dettagli',
    error: 'Errore',
    advice: 'Che cosa puoi fare',
    contact: 'Contatto',
    time: 'Ora',
    client: 'Il tuo indirizzo',
    proxy: 'Proxy',
    id: 'Riferimento',
  },
  failures: {
    'bad-request': row(NOT_UNDERSTOOD, 'La richiesta non è HTTP/1.1 valido.', CLIENT_FAULT),
    'bad-target': row(
      'L’indirizzo non è valido',
      'La destinazione della richiesta non è valida.',
      'Controlla che l’indirizzo non contenga caratteri fuori posto.',
    ),
    'bad-host': row(NOT_UNDERSTOOD, 'Il campo Host manca, è ripetuto o non è valido.', CLIENT_FAULT),
    'bad-framing': row(
      NOT_UNDERSTOOD,
      'Non si può sapere con certezza dove finisce il corpo della richiesta.',
      CLIENT_FAULT,
    ),
    'bad-body': row(
      'La richiesta si è danneggiata lungo il percorso',
      'Il corpo della richiesta non è delimitato come annunciato.',
      CLIENT_FAULT,
    ),
    'not-a-proxy-request': row(
      'Questo è un proxy, non un sito web',
      'Questo è un proxy: la destinazione della richiesta deve essere un URI assoluto.',
      'Inserisci questo indirizzo come proxy nelle impostazioni del browser o del sistema, non come indirizzo di una ' +
        'pagina.',
    ),
    'wrong-scheme': row(
      'Questo tipo di indirizzo non è supportato',
      'Questo proxy recupera indirizzi http://; gli altri passano per CONNECT.',
      'Usa un indirizzo che inizia con http:// o https://.',
    ),
    'head-timeout': row(TOO_LONG, 'L’intestazione della richiesta non è arrivata in tempo.', SLOW),
    'body-timeout': row(TOO_LONG, 'Il corpo della richiesta non è arrivato in tempo.', SLOW),
    'target-too-long': row(
      'L’indirizzo è troppo lungo',
      'La destinazione della richiesta è più lunga di quanto questo proxy accetti.',
      'Usa un indirizzo più corto.',
    ),
    'expectation-failed': row(NOT_UNDERSTOOD, 'Il campo Expect chiede qualcosa di sconosciuto.', CLIENT_FAULT),
    'head-too-large': row(
      'La richiesta è troppo grande',
      'L’intestazione della richiesta è più grande di quanto questo proxy accetti.',
      'Elimina i cookie che il browser conserva per questo sito e riprova.',
    ),
    'method-unknown': row(NOT_UNDERSTOOD, 'Questo proxy non inoltra questo metodo.', CLIENT_FAULT),
    'coding-unknown': row(NOT_UNDERSTOOD, 'Questo proxy non conosce questa codifica di trasferimento.', CLIENT_FAULT),
    'version-unknown': row(NOT_UNDERSTOOD, 'Questo proxy non parla questa versione di HTTP.', CLIENT_FAULT),
    'client-left': row('La richiesta è stata abbandonata', 'Il client se n’è andato prima della fine.', 'Riprova.'),
    'too-many-connections': row('Il proxy è sovraccarico', 'Ci sono troppe connessioni; riprova più tardi.', LATER),
    'method-refused': row(NOT_HERE, 'Questo metodo non è consentito qui.', RULES),
    'port-refused': row('Questa porta non è consentita', 'CONNECT verso questa porta non è consentito.', RULES),
    'destination-refused': row(NO_ACCESS, 'Questa destinazione non è consentita.', RULES),
    'local-refused': row(
      NO_ACCESS,
      'Questa destinazione è la macchina stessa del proxy, il che non è consentito.',
      RULES,
    ),
    'name-refused': row(
      'Questo nome non è completo',
      'I nomi senza punto non sono consentiti.',
      'Usa il nome completo del sito, come www.example.com.',
    ),
    'login-needed': row(NOT_HERE, 'Questo proxy serve solo chi accede con le proprie credenziali.', RULES),
    'denied': row(NOT_HERE, 'Le regole di questa rete non lo consentono.', RULES),
    'filter-unavailable': row(
      'Il filtro non è disponibile',
      'Il filtro di questa rete non può decidere in questo momento.',
      LATER,
    ),
    'no-upstream': row('Questo sito non esiste qui', 'Nessun sito con questo nome è servito qui.', NAME),
    'servers-busy': row(
      'Il sito è sovraccarico',
      'I server di questo sito non accettano altre richieste per ora.',
      LATER,
    ),
    'source-unavailable': row(
      'Il proxy non può collegarsi',
      'Il proxy non ha un indirizzo, una porta o un socket libero da cui collegarsi.',
      LATER,
    ),
    'loop': row(
      'La richiesta gira in tondo',
      'La richiesta è già passata per questo proxy.',
      'Avvisa l’amministratore del proxy: è impostato in modo da interrogare sé stesso.',
    ),
    'bug': row(
      'Il proxy ha commesso un errore',
      'Questo proxy ha commesso un errore.',
      'Riprova. Se il problema continua, riferisci all’amministratore del proxy quanto dice questa pagina.',
    ),
    'name-not-found': row('Il sito non è stato trovato', 'Il nome non esiste.', NAME),
    'name-no-address': row('Il sito non ha un indirizzo', 'Il nome non ha un indirizzo.', NAME),
    'name-failed': row(NOT_LOOKED_UP, 'I server dei nomi non hanno potuto rispondere per questo nome.', NAMES),
    'name-timeout': row(NOT_LOOKED_UP, 'I server dei nomi non hanno risposto in tempo.', NAMES),
    'connect-refused': row(NOT_REACHED, 'Il server rifiuta le connessioni.', SITE),
    'connect-unreachable': row(NOT_REACHED, 'Il server non è raggiungibile.', SITE),
    'connect-failed': row(NOT_REACHED, 'Non è stato possibile stabilire la connessione al server.', SITE),
    'connect-timeout': row('Il sito non risponde', 'Il server non ha accettato la connessione in tempo.', SITE),
    'parent-refused': row(NOT_REACHED, 'Il proxy superiore non si collega a questo server.', SITE),
    'parent-login': row(NOT_REACHED, 'Il proxy superiore non accetta le credenziali di questo proxy.', LATER),
    'servers-down': row(NOT_REACHED, 'Nessuno dei server di questo sito è disponibile.', SITE),
    'response-timeout': row(SITE_SLOW, 'Il server non ha risposto in tempo.', SITE),
    'bad-response': row(BAD_ANSWER, 'Il server ha inviato una risposta che non è HTTP/1.1 valido.', RESPONSE),
    'response-head-too-large': row(BAD_ANSWER, 'L’intestazione della risposta del server è troppo grande.', RESPONSE),
    'origin-left': row(
      'Il sito si è interrotto',
      'Il server ha chiuso la connessione prima della fine della risposta.',
      RESPONSE,
    ),
    'origin-idle': row(SITE_SLOW, 'Il server ha smesso di inviare.', SITE),
    'tunnel-idle': row(
      'La connessione non è stata usata',
      'Nulla è passato per il tunnel per troppo tempo.',
      'Riprova.',
    ),
    'stopped': row('Il proxy è stato fermato', 'Il proxy è stato fermato prima della fine.', 'Riprova.'),
  },
}
