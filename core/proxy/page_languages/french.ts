import { type PageLanguage, row } from '../page_words.ts'

const NOT_UNDERSTOOD = 'La requête n’a pas été comprise'
const TOO_LONG = 'La requête a pris trop de temps'
const NOT_HERE = 'Cela n’est pas autorisé ici'
const NO_ACCESS = 'L’accès à cette adresse n’est pas autorisé'
const NOT_LOOKED_UP = 'Le site n’a pas pu être localisé'
const NOT_REACHED = 'Le site est injoignable'
const SITE_SLOW = 'Le site met trop de temps'
const BAD_ANSWER = 'La réponse du site n’a pas été comprise'

const CLIENT_FAULT =
  'Réessayez. Si cela continue, le programme que vous utilisez, ou un élément entre lui et ce proxy, ' +
  'envoie des requêtes qu’il serait dangereux de transmettre : prévenez la personne qui s’en occupe.'
const SLOW = 'Vérifiez votre connexion au réseau et réessayez.'
const LATER = 'Patientez un instant et réessayez. Si cela continue, prévenez l’administrateur du proxy.'
const RULES =
  'Si vous pensez devoir y avoir accès, adressez-vous à l’administrateur du proxy en lui indiquant ce que dit ' +
  'cette page.'
const NAME = 'Vérifiez l’orthographe de l’adresse. Si elle est juste, le site a peut-être déménagé ou n’existe plus.'
const NAMES =
  'Patientez un instant et réessayez. Si d’autres sites fonctionnent, le problème vient des serveurs de noms ' +
  'de ce site.'
const SITE =
  'Patientez un instant et réessayez. Si d’autres sites fonctionnent, le problème vient de ce site : seuls ses ' +
  'responsables peuvent le résoudre.'
const RESPONSE = 'Réessayez. Si cela continue, le problème vient du site : seuls ses responsables peuvent le résoudre.'

export const FRENCH: PageLanguage = {
  tag: 'fr',
  direction: 'ltr',
  colon: '\u00a0: ',
  trouble: {
    policy: 'Bloqué par ce réseau',
    site: 'Problème avec le site',
    request: 'Problème avec la requête',
    proxy: 'Problème avec le proxy',
  },
  labels: {
    url: 'Vous avez demandé',
    category: 'Catégorie',
    rule: 'Règle',
    by: 'Décision de',
    why: 'Motif',
    detail: 'Détails',
    error: 'Erreur',
    advice: 'Ce que vous pouvez faire',
    contact: 'Contact',
    time: 'Heure',
    client: 'Votre adresse',
    proxy: 'Proxy',
    id: 'Référence',
  },
  failures: {
    'bad-request': row(NOT_UNDERSTOOD, 'La requête n’est pas du HTTP/1.1 valide.', CLIENT_FAULT),
    'bad-target': row(
      'L’adresse n’est pas valide',
      'La cible de la requête n’est pas valide.',
      'Vérifiez que l’adresse ne contient pas de caractères qui n’y ont pas leur place.',
    ),
    'bad-host': row(NOT_UNDERSTOOD, 'Le champ Host est absent, répété ou non valide.', CLIENT_FAULT),
    'bad-framing': row(
      NOT_UNDERSTOOD,
      'La fin du corps de la requête ne peut être connue avec certitude.',
      CLIENT_FAULT,
    ),
    'bad-body': row(
      'La requête a été endommagée en chemin',
      'Le corps de la requête n’est pas délimité comme annoncé.',
      CLIENT_FAULT,
    ),
    'not-a-proxy-request': row(
      'Ceci est un proxy, pas un site web',
      'Ceci est un proxy : la cible de la requête doit être un URI absolu.',
      'Indiquez cette adresse comme proxy dans les réglages de votre navigateur ou de votre système, et non comme adresse ' +
        'de page.',
    ),
    'wrong-scheme': row(
      'Ce type d’adresse n’est pas pris en charge',
      'Ce proxy va chercher les adresses http:// ; les autres passent par CONNECT.',
      'Utilisez une adresse qui commence par http:// ou https://.',
    ),
    'head-timeout': row(TOO_LONG, 'L’en-tête de la requête n’est pas arrivé à temps.', SLOW),
    'body-timeout': row(TOO_LONG, 'Le corps de la requête n’est pas arrivé à temps.', SLOW),
    'target-too-long': row(
      'L’adresse est trop longue',
      'La cible de la requête est plus longue que ce proxy ne l’accepte.',
      'Utilisez une adresse plus courte.',
    ),
    'expectation-failed': row(NOT_UNDERSTOOD, 'Le champ Expect demande quelque chose d’inconnu.', CLIENT_FAULT),
    'head-too-large': row(
      'La requête est trop volumineuse',
      'L’en-tête de la requête est plus grand que ce proxy ne l’accepte.',
      'Supprimez les cookies que votre navigateur garde pour ce site et réessayez.',
    ),
    'method-unknown': row(NOT_UNDERSTOOD, 'Ce proxy ne transmet pas cette méthode.', CLIENT_FAULT),
    'coding-unknown': row(NOT_UNDERSTOOD, 'Ce proxy ne connaît pas ce codage de transfert.', CLIENT_FAULT),
    'version-unknown': row(NOT_UNDERSTOOD, 'Ce proxy ne parle pas cette version de HTTP.', CLIENT_FAULT),
    'client-left': row('La requête a été abandonnée', 'Le client est parti avant la fin.', 'Réessayez.'),
    'too-many-connections': row('Le proxy est surchargé', 'Il y a trop de connexions ; réessayez plus tard.', LATER),
    'method-refused': row(NOT_HERE, 'Cette méthode n’est pas autorisée ici.', RULES),
    'port-refused': row('Ce port n’est pas autorisé', 'CONNECT vers ce port n’est pas autorisé.', RULES),
    'destination-refused': row(NO_ACCESS, 'Cette destination n’est pas autorisée.', RULES),
    'local-refused': row(
      NO_ACCESS,
      'Cette destination est la machine du proxy elle-même, ce qui n’est pas autorisé.',
      RULES,
    ),
    'name-refused': row(
      'Ce nom n’est pas complet',
      'Les noms sans point ne sont pas autorisés.',
      'Utilisez le nom complet du site, comme www.example.com.',
    ),
    'login-needed': row(NOT_HERE, 'Ce proxy ne sert que les personnes qui s’identifient.', RULES),
    'denied': row(NOT_HERE, 'Les règles de ce réseau ne l’autorisent pas.', RULES),
    'filter-unavailable': row(
      'Le filtre n’est pas disponible',
      'Le filtre de ce réseau ne peut pas décider en ce moment.',
      LATER,
    ),
    'no-upstream': row('Ce site n’existe pas ici', 'Aucun site de ce nom n’est servi ici.', NAME),
    'servers-busy': row(
      'Le site est surchargé',
      'Les serveurs de ce site n’acceptent pas d’autres requêtes pour le moment.',
      LATER,
    ),
    'source-unavailable': row(
      'Le proxy ne peut pas se connecter',
      'Le proxy n’a plus d’adresse, de port ou de socket libre d’où se connecter.',
      LATER,
    ),
    'loop': row(
      'La requête tourne en rond',
      'La requête est déjà passée par ce proxy.',
      'Prévenez l’administrateur du proxy : il est réglé pour s’interroger lui-même.',
    ),
    'bug': row(
      'Le proxy a commis une erreur',
      'Ce proxy a commis une erreur.',
      'Réessayez. Si cela continue, indiquez à l’administrateur du proxy ce que dit cette page.',
    ),
    'name-not-found': row('Le site est introuvable', 'Ce nom n’existe pas.', NAME),
    'name-no-address': row('Le site n’a pas d’adresse', 'Ce nom n’a pas d’adresse.', NAME),
    'name-failed': row(NOT_LOOKED_UP, 'Les serveurs de noms n’ont pas pu répondre pour ce nom.', NAMES),
    'name-timeout': row(NOT_LOOKED_UP, 'Les serveurs de noms n’ont pas répondu à temps.', NAMES),
    'connect-refused': row(NOT_REACHED, 'Le serveur refuse les connexions.', SITE),
    'connect-unreachable': row(NOT_REACHED, 'Le serveur ne peut être atteint.', SITE),
    'connect-failed': row(NOT_REACHED, 'La connexion au serveur n’a pu être établie.', SITE),
    'connect-timeout': row('Le site ne répond pas', 'Le serveur n’a pas accepté la connexion à temps.', SITE),
    'parent-refused': row(NOT_REACHED, 'Le proxy parent ne se connecte pas à ce serveur.', SITE),
    'parent-login': row(NOT_REACHED, 'Le proxy parent n’accepte pas les identifiants de ce proxy.', LATER),
    'servers-down': row(NOT_REACHED, 'Aucun des serveurs de ce site n’est disponible.', SITE),
    'response-timeout': row(SITE_SLOW, 'Le serveur n’a pas répondu à temps.', SITE),
    'bad-response': row(BAD_ANSWER, 'Le serveur a envoyé une réponse qui n’est pas du HTTP/1.1 valide.', RESPONSE),
    'response-head-too-large': row(BAD_ANSWER, 'L’en-tête de la réponse du serveur est trop grand.', RESPONSE),
    'origin-left': row(
      'Le site s’est interrompu',
      'Le serveur a fermé la connexion avant la fin de sa réponse.',
      RESPONSE,
    ),
    'origin-idle': row(SITE_SLOW, 'Le serveur a cessé d’envoyer.', SITE),
    'tunnel-idle': row(
      'La connexion n’a pas été utilisée',
      'Rien n’est passé par le tunnel pendant trop longtemps.',
      'Réessayez.',
    ),
    'stopped': row('Le proxy a été arrêté', 'Le proxy a été arrêté avant la fin.', 'Réessayez.'),
  },
}
