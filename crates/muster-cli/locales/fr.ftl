about = Bénévoles, besoins et missions, partagés entre appareils qui se rencontrent, sans réseau, sans courant, sans quartier général.
about-after = Un premier incident : muster init --incident "Inondation" --device "Portable du gymnase", puis muster daemon.
    Chaque verbe a son --help ; chaque réponse existe en JSON avec --json.
heading-verbs = Verbes
heading-everywhere = Partout

verb-init = Ouvrir un nouvel incident sur cet appareil
verb-join = Rejoindre un incident par le code d’une invitation ; ou par deux petits fichiers : demander, puis reprendre la réponse
verb-admit = Admettre l’appareil qui attend après invite ; ou un autre par son fichier de demande, avec une réponse scellée
verb-devices = Qui est admis, par qui, et qui est exclu
verb-revoke = Mettre fin à l’appartenance d’un appareil : portable perdu ou volé
verb-revoke-more = Ce que l’appareil a écrit jusqu’ici reste ; ce qu’il écrit désormais ne compte pas. Les clés qu’il pouvait lire sont remplacées : il ne lit plus ce qui s’écrit ensuite. Ce qu’il a lu, il l’a lu : prévenez les personnes concernées.
    Dans un terminal, on vous dit d’abord ce qui suivra, puis on vous demande. Dans un script : --dry-run, puis --yes.
    Chaque appareil agit dès qu’il l’apprend ; muster devices montre ceux qui ne le savent pas encore. Portez-leur la nouvelle en les rencontrant, ou par un ballot.
    Un premier exemple : muster revoke "Portable camionnette" --why "volé au gymnase" --wait
verb-grant = Donner à un appareil un autre rôle, une personne, une équipe, un terme ou la clé des champs sensibles ; ou le réintégrer
verb-grant-more = Un rôle inférieur le rétrograde : les clés qu’il ne doit plus lire sont remplacées. Un rôle supérieur lui donne les clés de ce rôle. Un appareil révoqué puis retrouvé est réintégré par n’importe quel rôle ; il faut pour cela un rang au moins égal à celui qui l’a révoqué.
    Un premier exemple : muster grant "Portable du camp" --role lead --scope "Camp nord"
verb-adopt = Faire compter des entrées litigieuses d’un appareil
verb-adopt-more = Ce qu’un appareil a écrit au-delà de la coupe de sa révocation est gardé et montré, et ne compte pas. Regardez-le (muster log --refused) ; si c’est un travail honnête, adoptez-le : une entrée, ou tout.
    Un premier exemple : muster adopt "Portable camionnette"
verb-allowance = Permettre à un appareil d’écrire plus d’entrées
verb-allowance-more = Chaque journal d’un appareil peut avoir tant d’entrées, selon son rôle ; au-delà, elles sont refusées partout, pour qu’un appareil détraqué ou hostile ne remplisse pas tous les disques. Seul le quartier général relève ce plafond, qui ne baisse jamais.
    Un premier exemple : muster allowance "Portable du gymnase" 200000
verb-keys = Les clés en usage
verb-keys-rotate = Créer de nouvelles clés, et un nouveau secret de l’incident
verb-keys-rotate-more = Ce qui s’écrit désormais est scellé par les nouvelles clés, que seuls les membres reçoivent. Utile après une révocation seulement si muster revoke a dit qu’aucune clé n’était remplacée. Ce qui est déjà écrit reste lisible pour qui détient les anciennes clés.
    Un premier exemple : muster keys rotate
verb-recover = Refaire d’un appareil le quartier général, ou mettre fin à un appareil, par les fichiers de récupération
verb-recover-more = Pour quand le quartier général est perdu, ou qu’il est le voleur. Il faut autant de fichiers de récupération que muster init l’a demandé (--threshold), chacun avec sa phrase de passe. Les clés racines ne servent que dans cette commande et ne sont données à aucun démon ; sans --device, c’est cet appareil qui devient quartier général.
    Un premier exemple : muster recover --recovery gymnase.recovery.age
verb-invite = Inviter un appareil : affiche un code et un code QR, puis les mots à comparer
verb-operator = Dire qui est assis à cet appareil à partir de maintenant
verb-daemon = Tourner au premier plan : garder les données, rencontrer les autres appareils
verb-status = L’état de santé d’abord, les chiffres ensuite
verb-peers = Appareils rencontrés sur le réseau, et s’ils ont les mêmes entrées
verb-digest = Ce qui est ici, en empreintes que deux appareils peuvent comparer
verb-doctor = Ce qui peut clocher, et que faire
verb-lock = Oublier tout ce qui a été déchiffré ; le démon attend muster unlock
verb-unlock = Rouvrir un répertoire verrouillé
verb-wipe = Détruire le répertoire de données, ses clés d’abord
verb-stop = Arrêter le démon proprement
verb-kind = { $kind } : ajouter, modifier, lister, montrer, effacer
verb-kind-add = Ajouter
verb-kind-edit = Modifier des champs
verb-kind-list = Lister, en filtrant par champs
verb-kind-show = Montrer
verb-kind-erase = Effacer, sur chaque appareil qui l’apprend
verb-kind-erase-more = Toute valeur qui y a jamais été écrite est détruite aussitôt sur cet appareil, et sur chacun des autres quand il l’apprend ; show et list montrent où c’est fait. On ne peut pas revenir en arrière. Les coordinateurs et le quartier général effacent ; la personne dont parle une fiche s’adresse à l’un d’eux.
 Cela n’atteint pas ce que des gens ont lu ou noté, les sauvegardes, les exports, les anciens blocs d’une mémoire flash, ni un appareil qui ne l’apprend jamais. Ce que d’autres fiches en disent avec leurs propres mots reste : cherchez-le et modifiez-le.
 Un premier exemple : muster volunteer erase 977c --why "à sa demande"
verb-kind-merge = Réunir deux fiches d’une même chose ; split défait
verb-kind-split = Séparer ce qui a été réuni
verb-need-report = Signaler un besoin en une ligne
verb-task-for = Ouvrir une mission pour un besoin
verb-assign = Affecter un bénévole ou une équipe à une mission
verb-offer = Répondre à une offre
verb-offer-answer = Accepter ou décliner une affectation
verb-offer-withdraw = Retirer une offre ou une affectation
verb-offer-no-show = La personne n’est pas venue
verb-offer-on-site = La personne est là, sans pointage
verb-offer-done = C’est accompli
verb-checkin = Quelqu’un arrive : par numéro, identifiant, code de badge ou nom
verb-checkout = Quelqu’un repart
verb-find = Chercher un texte dans tout ce qui est lisible ici
verb-say = Dire quelque chose à tous, à une fonction, une équipe, un site ou une personne
verb-threads = Les fils du forum : avis épinglés, non lus, puis le reste
verb-read = Lire ce qui n’est pas lu, ou un fil ; ce qui est montré à son destinataire compte comme vu
verb-agenda = Qui est attendu où et quand : une personne, une équipe, un site ou tous ; ce qui se chevauche, et qui est venu
verb-where = Qui fait quoi où, par zone et secteur, avec les manques ; en carte aussi
verb-print = Faire une page à imprimer, dans les deux langues : ICS 204, 211, 214, liste, fiche, badge, affiche, attestation
verb-staffing = Missions qui manquent de monde ou en ont trop, et besoins sans mission
verb-overdue = Qui et quoi est en retard
verb-rollcall = L’appel : qui est sur un site en ce moment
verb-picture = La situation d’ensemble, en chiffres
verb-sources = L’âge de ce que l’on sait ici
verb-match = Qui solliciter pour une mission, ou quoi proposer à quelqu’un, avec les raisons
verb-duplicates = Personnes et besoins qui semblent notés deux fois
verb-brief = Les nouvelles, sur une page
verb-conflicts = Ce que la fusion laisse à décider
verb-settle = Trancher
verb-import = Importer un tableau de bénévoles, de besoins ou de sites
verb-sync = Rencontrer les pairs maintenant, et dire où l’on en est
verb-bundle = Porter des entrées sur une clé
verb-bundle-export = Écrire des entrées dans un fichier
verb-bundle-import = Reprendre ce qu’un ballot contient
verb-bundle-inspect = Ce qu’un ballot dit contenir
verb-log = Les entrées : qui a dit quoi, et quand
verb-history = Chaque changement d’un objet, et ce qu’il a remplacé
verb-verify = Revérifier chaque signature et chaque chaîne
verb-repair = Garder ce qui peut l’être d’un journal endommagé
verb-watch = Chaque changement au moment où il s’applique
verb-hq = Quartier général : le compte réuni d’une opération
verb-hq-import = Importer ballots et journaux dans un entrepôt
verb-hq-export = Écrire les tables de l’entrepôt dans des fichiers
verb-config = Réglages
verb-config-show = Montrer les réglages, avec --origin d’où vient chacun
verb-completions = Script de complétion pour un shell
verb-man = La page de manuel
verb-demo = Tout montrer sur cette machine, sans rien laisser derrière
verb-sample = Une opération inventée en lignes JSON, pour s’exercer

arg-data = Répertoire de données : un appareil dans un incident
arg-json = Répondre par un objet JSON
arg-plain = Un « libellé : valeur » par ligne, pour les lecteurs d’écran
arg-lang = Langue du texte : en ou fr
arg-yes = Ne pas demander
arg-config = Fichier de réglages
arg-passphrase-file = Fichier dont la première ligne déverrouille les données
arg-key-file = Fichier de clé qui déverrouille les données
arg-incident = Nom de l’incident
arg-device = Comment on appelle cet appareil
arg-which-device = L’appareil : son nom, son code, ou le début de son identifiant
arg-why = Pourquoi, pour qui le demandera
arg-dry-run-erase = Dire ce qui partirait, sans rien faire
arg-since-disputed = Ce qu’il a écrit depuis lors ne compte pas non plus ; l’écart de son horloge est pris en compte s’il a été mesuré
arg-dry-run-acts = Dire ce qui suivrait, sans rien faire
arg-wait-heard = Attendre que chaque membre l’ait appris
arg-entry = Une entrée, par le début de son empreinte telle que dans muster log
arg-entries = Combien d’entrées chacun de ses journaux peut avoir
arg-class = C1, C2 ou C3 ; sans elle, toutes celles que cet appareil lit, et le secret de l’incident
arg-recovery = Un fichier de récupération, une fois par racine
arg-end-device = Mettre fin à cet appareil plutôt, quel que soit son rôle
arg-out-act = Écrire l’acte dans ce fichier au lieu de le porter, pour que d’autres racines le signent
arg-sign = Un acte que d’autres ont commencé : le signer aussi ; le fichier porte alors les deux
arg-carry = Un acte qu’assez de racines ont signé : le remettre au démon
arg-recovery-passphrase-file = Fichier dont la première ligne ouvre le fichier de récupération de même rang ; demandée si aucun n’est donné
arg-code = Code court des numéros tels que N-GYM-12
arg-invitation = Le code affiché par muster invite, ou le texte de son code QR
arg-expires = Quand son temps prend fin : ensuite il ne reçoit plus de nouvelles clés
arg-code-expires = Durée de validité du code : 600 sauf indication
arg-no-wait = Afficher le code et rendre la main ; la suite par muster devices et muster admit APPAREIL
arg-end = Refuser l’appareil qui attend, ou retirer le code
arg-roots = Combien de clés racines
arg-threshold = Combien il en faut pour une récupération
arg-recovery-out = Où va le fichier de récupération, une fois par racine
arg-languages = Langues de l’incident, par exemple en,fr
arg-request-out = Écrire un fichier de demande, à faire admettre par un membre
arg-answer = Le fichier de réponse du membre qui a admis ; ou accept ou decline
arg-request = Le fichier de demande, ou le texte de son code QR
arg-qr = Afficher aussi la demande en code QR et en texte
arg-role = hq, coordinator, lead, volunteer ou relay
arg-person = Un bénévole, par numéro, identifiant, code de badge ou nom
arg-scope = Équipe ou site auquel un responsable est limité
arg-sensitive = Donner aussi la clé des champs sensibles (médical, protection, mineurs)
arg-answer-out = Où va le fichier de réponse
arg-name = Nom
arg-listen = Adresse d’écoute, par exemple /ip4/0.0.0.0/tcp/0
arg-peer = Adresse d’un pair, par exemple /ip4/10.0.0.2/tcp/4001
arg-no-discovery = Ne pas chercher de pairs
arg-no-network = Aucun réseau : socket de contrôle et fichiers seulement
arg-locked = Démarrer verrouillé : aucune clé n’est demandée avant muster unlock
arg-auto-lock = Verrouiller après ce temps sans commande : 90s, 15m, 2h, off
arg-id = Numéro, identifiant, ou début d’un identifiant
arg-title = Ce qui manque, en quelques mots
arg-need = Le besoin
arg-set = N’importe quel champ par son nom ; une valeur vide l’efface
arg-from-json = Les champs en objet JSON, d’un fichier ou de l’entrée standard
arg-where = N’importe quel champ par son nom
arg-containing = Seulement ceux qui contiennent ce texte
arg-limit = Au plus tant
arg-after = Continuer après celui-ci
arg-stale = Seulement ce que personne n’a modifié depuis si longtemps (12h à défaut), ou depuis une heure
arg-match-about = La mission, ou le bénévole
arg-all = Un plan pour toutes les places à pourvoir, une place par personne
arg-near = Seulement ce qui est près de ce point, ou près d’un objet ; le plus proche d’abord
arg-within = À quelle distance, en kilomètres ; 5 à défaut
arg-kind = Seulement ce genre
arg-kept = La fiche qui reste
arg-other = La fiche de la même chose
arg-task = La mission
arg-volunteer = Le bénévole ou l’équipe
arg-slot = Poste de la mission : son rang, sa compétence ou son élément
arg-from = Depuis quand, si cela diffère de la mission
arg-to = Jusqu’à quand
arg-override = Pourquoi un avertissement est écarté ; gardé pour toujours
arg-told = Comment une personne sans appareil a été prévenue
arg-told-by = Qui l’a prévenue ; à défaut l’opérateur de cet appareil, ou son nom
arg-lease = Jusqu’à quand la place est réservée sans réponse ; ensuite elle est à confirmer
arg-assignment = L’affectation
arg-site = Le site
arg-at = Quand, si ce n’est pas maintenant
arg-text = Les mots à chercher
arg-words = Ce qu’il faut dire
arg-whom = À qui : tous (sauf indication), une fonction, ou une équipe, un site, une personne par nom, numéro ou identifiant
arg-thread = Le nom du fil
arg-reply-to = Le message auquel ceci répond
arg-translation-of = Le message que ceci dit dans une autre langue
arg-language = La langue du texte, par exemple en, fr, ht, ar : celle de l’écran sauf indication
arg-pressing = urgent, high, normal ou low : urgent voyage en premier
arg-over-at = Quand cela n’a plus de sens
arg-pin = L’épingler devant tout le reste
arg-in-thread = Un fil par son nom, par le destinataire de son tableau ou par l’un de ses messages
arg-silent = Ne pas noter que cela a été vu ici
arg-expired = Aussi ce qui a expiré
arg-whose = Un bénévole, une équipe ou un site, par nom, numéro ou identifiant ; tous sauf indication
arg-window-from = Depuis quand : maintenant sauf indication
arg-window-to = Jusqu’à quand : une semaine plus tard sauf indication
arg-sector = Un secteur
arg-area = Les zones dont le nom contient ceci
arg-svg = Dessiner aussi les sites en carte dans ce fichier
arg-map-title = Ce qui figure au-dessus de la carte
arg-missing = Les textes illisibles dans cette langue, par exemple fr
arg-form = ics204, ics211, ics214, roster (liste), slip (fiche d’affectation), badge, notice (affiche) ou attestation
arg-form-of = De quoi : une mission (ics204), un site (ics211), n’importe quoi (ics214), une équipe ou un site (roster), une affectation (slip), un bénévole ou une équipe (badge), un message ou une information (notice), un bénévole (attestation)
arg-form-from = Depuis quand : les pointages, notes et missions d’avant sont laissés de côté
arg-form-to = Jusqu’à quand
arg-public = Seulement ce qui est public : les informations pour tous, et de quoi les vérifier
arg-note-text = Ce qui s’est passé
arg-about = De quoi il s’agit : un numéro ou identifiant quelconque
arg-noted-at = Quand, si ce n’est pas maintenant
arg-conflict = Le conflit, tel que muster conflicts le donne
arg-choose = Une des valeurs de la liste
arg-value = Une autre valeur
arg-what = volunteers (bénévoles), needs (besoins), sites, ou alerts (alertes CAP 1.2)
arg-file = Le fichier
arg-map = Fichier de correspondance : colonnes vers champs, valeurs vers codes
arg-dry-run = Dire ce qui se passerait, sans rien enregistrer
arg-wait = Attendre que tous ceux qu’on rencontre aient les mêmes entrées
arg-timeout = Attendre au plus tant de secondes
arg-out = Où écrire
arg-for = Seulement ce qui manque à cet appareil, pour autant qu’on s’en souvienne
arg-since = Seulement les entrées depuis lors
arg-since-brief = Depuis quand : une heure, ou une durée (8h, 30m, 2j) ; à défaut votre dernier départ pointé
arg-files = Des ballots
arg-follow = Continuer avec les nouvelles entrées à mesure
arg-refused = Seulement ce qui ne compte pas, et ce qui a été refusé
arg-of = Seulement les entrées sur cet objet
arg-path = Un autre répertoire de données
arg-into = L’entrepôt, par exemple sqlite:qg.db
arg-paths = Ballots, répertoires de ballots, répertoires de données
arg-origin = D’où vient chaque réglage
arg-format = Format des fichiers
arg-shell = bash, zsh, fish, elvish ou powershell
arg-keep = Laisser en place les fichiers de la démonstration
arg-size = Combien d’objets
arg-seed = La même graine donne la même opération

word-yes = oui
word-no = non
word-minutes = { $count ->
    [one] { $count } minute
   *[other] { $count } minutes
 }
word-hours = { $count } h
word-days = { $count ->
    [one] { $count } jour
   *[other] { $count } jours
 }
word-staffing-nobody = personne
word-staffing-under = trop peu
word-staffing-over = trop
word-staffing-full = complète
word-staffing-open = effectif non précisé
word-late-team = équipe non rentrée
word-late-past-end = sur place après la fin
word-late-long-shift = sur place plus longtemps qu’un service ne peut durer
word-late-not-arrived = personne attendue, non pointée
word-late-lease = à confirmer, le délai de réponse est passé
word-age-12h = moins de 12 h
word-age-1d = moins de 1 jour
word-age-2d = moins de 2 jours
word-age-7d = moins de 7 jours
word-age-older = plus ancien
word-unnamed = personne sans nom
word-by-check-in = pointage
word-by-check-in-no-device = pointage, sans appareil
word-by-assignment = affectation seule
word-none-given = non précisé
word-for-from-home-only = travaille seulement à domicile, et cela s’y fait
word-for-from-home = travaille aussi à domicile
word-for-area = habite la zone
word-for-language = parle une langue demandée
word-for-available = s’est dit disponible à ce moment
word-for-skill-confirmed = compétence confirmée
word-for-level-above = plus d’expérience que demandé
word-against-tired = travaillerait trop longtemps ou se reposerait trop peu
word-against-language-missing = ne parle aucune des langues demandées
word-against-on-site-only = travaille seulement sur place
word-against-availability-unsaid = disponibilité non précisée
word-excluded-skill = sans la compétence
word-excluded-booked = déjà affectés à ce moment
word-excluded-unavailable = non disponibles à ce moment
word-excluded-place = seulement à domicile
word-excluded-not-suitable = ne convient pas
word-alike-name-same = même nom
word-alike-name-alike = nom ressemblant
word-alike-phone = même téléphone
word-alike-email = même courriel
word-alike-badge = même badge
word-alike-area = même secteur
word-alike-place = même lieu
word-alike-category = même catégorie
word-alike-time = à peu près au même moment
word-alike-words = presque les mêmes mots
word-silent = (muet)
word-unconfirmed = à confirmer
word-contested = contesté
word-sensitive = besoin sensible, demandez à un coordinateur
word-withheld = nom non communiqué
word-clock-off = { $claimed } (horloge déréglée ; environ { $likely })
word-this-device = cet appareil
word-unknown-device = un appareil inconnu ici
word-unreadable = illisible ici
word-everyone = tous
word-pinned = Épinglé
word-board = Tableau
word-gap = manque
word-not-said = non précisé
word-authority = appareils et clés
word-the-roots = les racines
membership-member = membre
membership-revoked = révoqué
membership-demoted = rétrogradé
membership-suspended = suspendu
membership-void = nul
membership-until = { $word } jusqu’au { $until }
membership-over = { $word }, temps écoulé depuis le { $until }
class-c1 = missions, compétences et secteurs (C1)
class-c2 = noms, téléphones et lieux exacts (C2)
class-c3 = médical, protection et mineurs (C3)
level-ok = bien
level-attention = à voir
level-trouble = GRAVE
role-root = racine
role-hq = quartier général
role-coordinator = coordinateur
role-lead = responsable
role-volunteer = bénévole
role-relay = relais
role- = non admis

label-number = Numéro
label-kind = Genre
label-title = Titre
label-status = Statut
label-id = Identifiant
label-entries = Entrées
label-frontier = Frontière
label-state = État
label-unreadable = Parties scellées sans clé ici
label-conflicts = Conflits
label-unread = Messages non lus
label-devices = Appareils
label-peers = Pairs rencontrés en ce moment
label-operator = Opérateur
label-thread = Fil
label-to-whom = Pour
label-messages = Messages
label-waiting = Non lus
label-last = Dernier
label-from-device = De
label-said-at = Écrit le
label-message = Message
label-seen-on = Vu sur
label-seen-by = Prévenus autrement
label-in-language = En { $language }
label-when = Quand
label-what = Quoi
label-where = Où
label-expected = Attendus
label-came = Venus
label-remark = Remarque
label-area = Zone
label-sector = Secteur
label-who = Qui
label-does = Fait
label-tasks = Missions
label-people = Personnes
label-sites = Sites
label-open-needs = Besoins ouverts
label-languages = Langues
label-refused = Refusé
label-device = Appareil
label-address = Adresse
label-in-sync = Mêmes entrées
label-received = Reçues
label-sent = Envoyées
label-code = Code
label-role = Rôle
label-admitted-by = Admis par
label-membership = Appartenance
label-reads = Lit
label-last-heard = Dernier écrit
label-time = Heure
label-place = Journal
label-about = Objet
label-field = Champ
label-value = Valeur
label-replaced = Remplace
label-task = Mission
label-shortage = État
label-wanted = Voulus
label-offered = Proposées
label-accepted = Acceptées
label-on-site = Sur place
label-unconfirmed = À confirmer
label-missing = Manquants
label-late = Retard
label-since = Depuis
label-site = Site
label-due = Prévu
label-tick = Vu
label-last-seen = Vu pour la dernière fois
label-party = Personnes
label-known-by = Connu par
label-filled = Pourvus
label-sure = Sûrs
label-needs = Besoins
label-hour = Heure
label-age = Ancienneté

said-init-start = Création des clés…
said-init = L’incident { $incident } commence sur cet appareil. Ses données sont dans { $data }.
said-begun-again = Un init précédent a été interrompu ici. Ce qu’il avait commencé est gardé dans journal/damaged ; personne n’en a jamais rien su.
said-recovery = Fichier de récupération : { $file }
    Sa phrase de passe, montrée cette seule fois : { $passphrase }
    Écrivez-la sur papier et gardez-la loin du fichier. Sans les deux, l’autorité racine se perd avec cet appareil.
said-default-key = Les données sont verrouillées par un fichier de clé du même répertoire. Cela protège une copie partielle, pas un disque volé. Pour un appareil qui peut se perdre, utilisez --passphrase-file ou --key-file.
said-next-daemon = Ensuite : muster --data { $data } daemon
said-request = La demande est dans { $file }. Portez-la à un membre, qui lance : muster admit --request FICHIER --role RÔLE --answer-out FICHIER
said-joined = Vous avez rejoint { $name }. Ensuite : muster --data { $data } daemon
said-invite = Code : { $code }
    Sur l’autre appareil : muster join { $code } --device NOM
    Le contenu du code QR, à coller : muster join { $card }
    S’ils ne se trouvent pas : muster join { $code } --peer { $address }
    Valable pour un appareil, jusqu’à { $expires }.
said-invite-ended = Le code ne peut plus servir.
said-searching = Recherche de l’appareil qui invite …
said-words = { $label } : comparez ces mots et ces chiffres avec l’autre écran.
    
        { $words }
        { $digits }
    
ask-invite = L’autre écran affiche-t-il la même chose ? Oui admet l’appareil. [o/n]
ask-join = L’autre écran affiche-t-il la même chose ? Oui rejoint { $name }. [o/n]
said-other-matches = La personne à l’autre appareil dit que c’est la même chose.
said-pair-waiting = Admis. Attente que l’autre appareil reçoive ses clés …
said-paired = { $label } est admis ({ $role }) et a ses clés.
said-pending = { $label } attend ({ $role }). Si son écran affiche { $words } : muster admit { $code }
said-admitted-pending = { $label } est admis ({ $role }) ; ses clés sont en route.
said-admitted = { $label } est admis comme { $role }. Rapportez-lui { $file } ; il lance : muster join --answer FICHIER
said-revoke-question = Révoquer { $label } ({ $role }, { $id }) ? oui/non
said-could-read = Ce que { $label } pouvait lire, de ce qui est ici :
said-could-read-class = { $class } : { $parts } parties sur { $of }
said-plan-keys = Clés qui seraient remplacées : { $classes }
said-plan-no-keys = Aucune clé ne serait remplacée : il n’en lit aucune de celles en usage.
said-plan-disputed = { $count ->
    [0] Aucune de ses entrées ne deviendrait litigieuse.
    [one] Une de ses entrées deviendrait litigieuse : gardée, montrée, et non comptée.
   *[other] { $count } de ses entrées deviendraient litigieuses : gardées, montrées, et non comptées.
 }
said-since-corrected = Depuis le { $since } ; selon son horloge, telle que mesurée à la dernière rencontre : { $theirs }.
said-since-measured = Depuis le { $since } : son horloge était juste à deux minutes près à la dernière rencontre.
said-since-unmeasured = Depuis le { $since }, selon son horloge : son écart n’a jamais été mesuré ici.
said-plan-nothing = Rien n’est encore fait.
said-revoked = { $label } est révoqué.
said-keys = Clés remplacées : { $classes }
said-no-keys = Aucune clé n’a été remplacée ici. Là où une clé doit l’être, un coordinateur ou le quartier général crée la nouvelle avant sa prochaine écriture.
said-secret-renewed = Le secret de l’incident est renouvelé.
said-disputed = { $count ->
    [one] Une de ses entrées est litigieuse. Pour la compter tout de même : muster adopt "{ $label }"
   *[other] { $count } de ses entrées sont litigieuses. Pour les compter tout de même : muster adopt "{ $label }"
 }
said-all-heard = Chaque membre l’a appris.
said-not-heard = L’ont appris : { $heard }. Ne le savent pas encore, d’après ce qu’on sait ici : { $waiting }.
said-handed = Un ballot qui la contient a été écrit pour : { $handed }.
said-heard-timeout = Le temps est écoulé, et tous ne le savent pas. La nouvelle continue d’elle-même ; voyez muster devices.
said-ended = { $label } : { $what } par { $by }.
said-ended-why = Motif : { $why }.
said-ended-suspended = Des égaux se sont exclus l’un l’autre : cela tient jusqu’à ce qu’un rang plus élevé tranche (muster grant, ou muster recover).
said-void = { $label } : nul. Qui l’a admis était déjà exclu ; ce qu’il a écrit ne compte pas.
said-granted-from = { $label } est maintenant { $role } ; c’était { $before }.
said-granted-same = { $label } reste { $role }, avec ce qui a été donné.
said-granted-back = { $label } est de nouveau membre, comme { $role }.
said-adopted = { $label } : { $count ->
    [one] une entrée adoptée
   *[other] { $count } entrées adoptées
 }, { $left } encore litigieuses.
said-fork = { $label } a signé deux histoires de ses { $what ->
    [acts] actes
   *[data] données
 } à partir de l’entrée { $seq } (image de disque remise en place, ou deux copies en service) : { $branches } branches ici.
said-fork-branch = { $head } : { $entries } entrées, du { $since } au { $until }, { $counts ->
    [yes] comptées
   *[no] non comptées
 }
said-fork-adopt = Pour que tout compte : muster adopt "{ $label }". Une seule branche : muster adopt "{ $label }" --entry { $head }
said-allowance = { $label } peut écrire { $entries } entrées par journal ; c’était { $before }.
said-passphrase-of = Phrase de passe de { $file } :
said-recovered = { $label } est { $role } par les racines. { $handed ->
    [0] Cet appareil ne lui a remis aucune clé.
    [one] Cet appareil lui a remis une clé.
   *[other] Cet appareil lui a remis { $handed } clés.
 }
closed-revoked = Contacts finis, l’autre appareil n’est plus membre : { $count }
closed-revoked-there = Contacts finis, l’autre côté dit que cet appareil n’est plus membre : { $count }
closed-stranger = Contacts finis, l’autre côté n’est pas de cet incident : { $count }
closed-other-version = Contacts finis, l’autre côté parle une autre version : { $count }
closed-not-admitted = Contacts finis, personne n’a admis l’autre appareil : { $count }
closed-not-admitted-there = Contacts finis, l’autre côté ne connaît pas cet appareil : { $count }
closed-bad-identity = Contacts finis, l’autre côté n’est pas l’appareil qu’il nommait : { $count }
closed-same-device = Contacts finis, l’autre côté a la clé de cet appareil : { $count }
closed-malformed = Contacts finis, ce qui est venu est illisible : { $count }
closed-unexpected = Contacts finis, quelque chose est venu hors de son tour : { $count }
closed-flood = Contacts finis, l’autre côté envoyait plus que convenu, ou ne prenait rien : { $count }
closed-broken-runs = Contacts finis, l’autre côté envoyait sans cesse des suites cassées : { $count }
closed-timeout = Contacts finis, l’autre côté n’a pas salué à temps : { $count }
closed-silent = Contacts finis, rien n’a été dit trop longtemps : { $count }
closed-link-silent = Contacts finis, la liaison s’est tue : { $count }
closed-frame-too-long = Contacts finis, une trame annoncée était trop longue : { $count }
closed-frame-empty = Contacts finis, une trame annoncée était vide : { $count }
closed-frame-cut = Contacts finis au milieu d’une trame : { $count }
closed-crowded = Contacts finis, ils n’avaient rien prouvé et d’autres venaient : { $count }
closed-shunned = Contacts refusés, l’appareil venait d’enfreindre les règles : { $count }
closed-too-many-of-one = Contacts finis, le même appareil en avait d’autres : { $count }
refused-malformed = Suites refusées, illisibles : { $count }
refused-newer-version = Suites refusées, d’une version plus récente : { $count }
refused-no-key = Suites refusées, en clair sous une clé absente d’ici : { $count }
refused-bad-signature = Suites refusées, la signature n’est pas de l’auteur : { $count }
refused-bad-run = Suites refusées, elles ne se prouvent pas ou dépassent une limite : { $count }
refused-unknown-author = Suites refusées, personne n’a admis l’auteur : { $count }
refused-unknown-lane = Suites refusées, d’une voie inconnue : { $count }
refused-fork = Suites refusées, leur auteur avait signé une autre histoire : { $count }
refused-over-allowance = Suites refusées, au-delà de ce que leur auteur peut écrire : { $count }
refused-not-admitted = Suites refusées, données d’un appareil que personne n’a admis : { $count }
refused-busy = Suites refusées, pas de place pour attendre que leur auteur soit connu : { $count }
refused-not-stored = Suites refusées, non enregistrées : { $count }
refused-rate = Suites remises à plus tard, trop d’un seul auteur en un jour : { $count }
refused-generations = Suites remises à plus tard, trop de journaux d’un seul auteur : { $count }
refused-no-space = Suites remises à plus tard, trop peu de place sur le disque : { $count }
turned-away-full = Connexions éconduites, pas de place : { $count }
turned-away-banned = Connexions éconduites, tenues à l’écart un moment : { $count }
turned-away-too-fast = Connexions éconduites, trop d’une seule adresse : { $count }
turned-away-not-spoken = Connexions éconduites, un autre protocole : { $count }
turned-away-no-session = Connexions éconduites, pas de session à temps : { $count }
turned-away-handshake = Connexions éconduites, chiffrement non établi : { $count }
turned-away-dials-failed = Appels sans réponse : { $count }
turned-away-not-beacons = Datagrammes qui ne sont pas des balises : { $count }
turned-away-foreign-beacons = Balises qui ne s’ouvrent pas ici, d’un autre incident ou inventées : { $count }
turned-away-beacons-passed-over = Datagrammes non examinés, trop nombreux d’une même adresse : { $count }
said-root-ended = { $label } est exclu : les racines y ont mis fin. Les clés qu’il pouvait lire sont remplacées autant que cet appareil en fait.
said-root-act-admit = Incident { $incident } : donne à { $label } (appareil { $id }) le rôle { $role }.
said-root-act-end = Incident { $incident } : met fin à l’appartenance { $id }, de l’appareil que l’auteur de ce fichier nomme { $label }. Comparez avec muster devices --json.
said-root-act-other = Un acte des racines que cette version ne sait dire en mots.
said-root-act-signed = { $given } racines sur { $needed } ont signé { $file }. La suivante : muster recover --sign { $file } --recovery FICHIER
said-root-act-ready = { $given } racines sur { $needed } ont signé { $file }. Sur un appareil de l’incident : muster recover --carry { $file }
said-daemon = Muster tourne. Socket de contrôle : { $socket }. Ctrl-C l’arrête.
said-daemon-locked = Muster est verrouillé. Socket de contrôle : { $socket }. Ensuite : muster unlock
said-locked = Verrouillé. Rien de déchiffré ne reste en mémoire, et personne n’est rencontré. Ensuite : muster unlock
said-unlocked = Déverrouillé.
said-wiped = { $data } est détruit, ses clés d’abord.
said-wipe-left = Laissé, car ce n’est pas à Muster : { $names }
said-wipe-limits = Ce que cela ne peut promettre : un disque flash peut garder d’anciens blocs quelque temps, et avec eux de quoi ouvrir le reste si la phrase de passe ou le fichier de clé est connu. Sauvegardes et copies, fichiers de récupération, ballots et exports sont où ils étaient ; les autres appareils gardent ce qu’ils ont. Si l’appareil a été perdu ou paraît suspect, son retrait reste à dire sur un autre.
ask-passphrase = Phrase de passe (non affichée) : 
ask-wipe = Tout ce que contient { $data } sera détruit pour de bon. Pour continuer, tapez son nom, { $name } :
said-stopping = Le démon s’est arrêté.
said-operator = À cet appareil : { $name }
said-no-operator = Personne n’a dit qui est assis à cet appareil.
said-added = { $kind } { $short } : enregistré.
said-edited = { $short } est modifié.
said-unchanged = { $short } le dit déjà.
said-erased = { $short } a été effacé.
said-erased-by = { $short } a été effacé par { $by }.
said-gone-everywhere = Disparu de chaque appareil ({ $of }).
said-gone-on = Disparu de { $gone } appareils sur { $of } ; pas encore, d’après ce qu’on sait ici : { $missing }.
said-erase-plan = { $what } serait effacé pour toujours : { $entries ->
    [0] aucune entrée n’est ici
    [one] une entrée, écrite par { $devices }
   *[other] { $entries } entrées, écrites par { $devices }
 }.
said-erase-fields = Champs : { $fields }.
said-erase-hear = Appareils qui doivent encore l’apprendre : { $devices }.
said-erase-mentioned = { $count ->
    [one] Une autre fiche y renvoie. Elle reste, et renverra à quelque chose d’effacé.
   *[other] { $count } autres fiches y renvoient. Elles restent, et renverront à quelque chose d’effacé.
 }
said-erase-shared = { $count ->
    [one] Une partie contient aussi d’autres fiches, et reste.
   *[other] { $count } parties contiennent aussi d’autres fiches, et restent.
 }
said-erase-unreadable = { $count ->
    [one] Une partie est illisible pour cet appareil. Si elle en parle, qui la lit l’effacera en l’apprenant.
   *[other] { $count } parties sont illisibles pour cet appareil. Celles qui en parlent seront effacées quand qui les lit l’apprendra.
 }
said-erase-stays = Cela n’atteint pas ce que des gens ont lu ou noté, les sauvegardes, les exports, le papier, ni un appareil qui ne l’apprend jamais.
said-erase-nothing-left = { $short } est déjà effacé ; il n’en reste rien ici.
said-erase-question = Effacer { $what } sur tous les appareils ? On ne peut pas revenir en arrière. oui/non
said-erase-done = { $short } est effacé : { $entries ->
    [one] une entrée a été détruite ici.
   *[other] { $entries } entrées ont été détruites ici.
 }
said-none = Aucun.
said-more = Il y en a d’autres : --after { $after }
said-view-staffing = Chaque mission ouverte : combien de personnes elle demande, combien ont été sollicitées, et combien ont dit oui ou sont là. Proposée ne veut pas dire que la personne le sait. À confirmer : le délai de réponse est passé ; la place reste la sienne.
said-view-overdue = Les personnes sur place après la fin, celles que l’on attendait et qui n’ont pas pointé, les équipes non rentrées, les offres dont le délai de réponse est passé. Renseignez-vous avant d’envoyer quelqu’un.
said-view-rollcall = Sont comptées les personnes qu’un appareil d’ici sait présentes. Qui est venu sans pointer n’y figure pas.
said-view-picture = Les places que demandent les missions ouvertes et celles qui sont pourvues. Sûrs : ceux qui ont accepté, sont là ou ont fini.
said-view-sources = L’âge de ce que sait cet appareil : quand il a reçu pour la dernière fois quelque chose de chaque autre, et par qui. Ce qui s’est passé depuis n’est pas ici.
said-view-match = D’abord ce qu’il faut : la compétence à son niveau et encore valable, être libre à ce moment, un lieu où la personne peut travailler. Puis ce qui parle pour et contre, le meilleur d’abord. C’est une proposition ; vous décidez. Rien n’y est dit des besoins d’une personne.
said-view-duplicates = Ces fiches semblent noter deux fois la même chose. Rien n’est réuni tout seul : regardez les deux, puis réunissez-les ou laissez-les. Split défait ; les affectations suivent.
said-needs-without-task = { $count ->
    [one] Un besoin n’a pas de mission : { $needs }
   *[other] { $count } besoins n’ont pas de mission : { $needs }
 }
said-rollcall = { $site }, { $time } : { $count ->
    [one] { $count } personne
   *[other] { $count } personnes
 }
said-expected = { $count ->
    [one] Personne attendue, et non pointée : { $people }
   *[other] { $count } personnes attendues, et non pointées : { $people }
 }
said-worked = { $count ->
    [one] { $count } personne a travaillé { $hours } h ;
   *[other] { $count } personnes ont travaillé { $hours } h ;
 } sur place en ce moment : { $there }.
said-source-never = { $who } : rien n’est encore arrivé.
said-source-met = { $who } : dernières nouvelles il y a { $span }, par rencontre directe.
said-source-via = { $who } : dernières nouvelles il y a { $span }, par { $via }.
said-source-file = { $who } : dernières nouvelles il y a { $span }, par un fichier.
said-source-wrote = { $who } : dernier écrit il y a { $span }, selon sa propre horloge.
said-alone = Aucun autre appareil n’appartient encore à cet incident.
said-match = { $about } : places à pourvoir { $there }, personnes ou missions qui conviennent { $found }.
said-match-excluded = Écartés : { $why }.
said-match-how = Pour affecter : muster assign { $task } { $who }
said-plan = { $count ->
    [one] Un plan pour { $count } place ; restent à pourvoir { $there }. Il n’affecte personne.
   *[other] Un plan pour { $count } places ; restent à pourvoir { $there }. Il n’affecte personne.
 }
said-duplicate = { $a } et { $b } : { $why }. Pour réunir : muster { $verb } merge { $keep } { $other }
said-no-duplicates = Rien ne semble noté deux fois.
said-similar = Peut-être déjà là : { $about } ({ $why })
said-merged = { $joined } et { $about } ne font plus qu’un. Pour défaire : muster { $verb } split { $other }
said-split = { $about } est de nouveau à part.
said-view-brief = Les nouvelles depuis un moment donné : ce qui est urgent, ce qui est contesté, qui est en retard, et les appareils muets depuis 6 h. Les heures sont celles que les appareils indiquent.
said-brief = Depuis le { $time } : nouveaux besoins { $needs }, nouvelles missions { $tasks }, nouveaux bénévoles { $volunteers }, besoins clos { $closed }.
said-brief-urgent = Urgent : { $new } depuis, { $count } d’avant toujours ouverts.
said-brief-conflicts = À trancher : { $count }
said-brief-overdue = En retard : { $count }
said-brief-silent = Appareils muets depuis longtemps : { $count }
said-assigned = { $volunteer } : { $task }, { $status }. Affectation { $short }.
said-checkin = { $who } est présent depuis { $time }.
said-checkin-site = { $who } est présent à { $site } depuis { $time }.
said-checkout = { $who } est parti à { $time }, après { $hours } h { $minutes }.
said-no-conflicts = Rien à trancher.
said-settled = Tranché : { $about } ({ $id }).
said-said = Message pour { $whom } : enregistré ({ $short }).
said-no-threads = Personne n’a encore rien dit. Pour commencer : muster say "TEXTE"
said-nothing-unread = Rien à lire.
said-threads-why = Les avis épinglés d’abord, puis les fils où quelque chose pour vous n’a pas été lu sur cet appareil, les autres selon le dernier message. Pour lire : muster read, ou muster read FIL
said-agenda = Agenda de { $who }, du { $from } au { $to }
said-agenda-empty = Rien n’est prévu.
said-agenda-why = « Venus » compte les personnes attendues qui ont pointé entre-temps. Un chevauchement est celui d’une même personne ; bout à bout n’en est pas un.
said-overlaps = Chevauche { $others }.
said-not-in = N’a pas pointé : { $who }.
said-where-empty = On ne sait rien de qui fait quoi où. Pour commencer : muster activity add, muster site add
said-where-why = { $gaps ->
    [0] Là où il y a un besoin, quelqu’un est à l’œuvre ou chargé d’une mission. Les besoins sensibles ne sont pas comptés.
    [one] Un manque : il y a là un besoin, et personne n’a d’activité ni de mission pour lui. Les besoins sensibles ne sont pas comptés.
   *[other] { $gaps } manques : il y a là des besoins, et personne n’a d’activité ni de mission pour eux. Les besoins sensibles ne sont pas comptés.
 }
said-where-svg = La carte est dans { $file }. Les lieux confidentiels n’y figurent pas.
said-printed = { $count ->
    [one] { $file } est prêt à imprimer.
   *[other] { $file } est prêt à imprimer, avec { $count } pages ou cartes.
 }
print-title-ics204 = Liste des affectations (ICS 204)
print-title-ics211 = Liste des pointages (ICS 211)
print-title-ics214 = Journal d’activité (ICS 214)
print-title-roster = Liste des bénévoles
print-title-slip = Affectation
print-title-badge = Badge
print-title-notice = Avis
print-title-attestation = Attestation d’heures de bénévolat
print-incident = Nom de l’incident
print-period = Période opérationnelle
print-task = Mission
print-site = Site
print-area = Zone, division ou groupe
print-supervisor = Responsable
print-when = Quand
print-radio = Canal radio
print-resources = Moyens affectés
print-name = Nom
print-persons = Personnes
print-phone = Téléphone
print-status = Statut
print-work = Travail
print-instructions = Consignes
print-special = Consignes particulières
print-ppe = Équipement de protection
print-hazards = Dangers
print-prepared = Établi par
print-checkin-place = Lieu de pointage
print-checkins = Pointages
print-order = N° d’ordre
print-home-unit = Unité d’origine
print-party = Effectif
print-in = Arrivée
print-out = Départ
print-travel = Déplacement
print-about = À propos de
print-log = Faits marquants
print-time = Heure
print-activity = Ce qui s’est passé
print-by = Par
print-of = De
print-badge = Code du badge
print-position = Fonction
print-people = Personnes
print-place = Lieu
print-report-to = Se présenter à
print-report-at = Lieu de rendez-vous
print-report-time = Heure de rendez-vous
print-assignment = Affectation
print-organisation = Organisation
print-languages = Langues
print-valid-until = Valable jusqu’au
print-total = Total des heures déclarées
print-hours = Heures
print-attendance = Présences
print-none = Rien n’est noté.
print-made = Tiré de Muster sur { $device }, { $time }. D’autres appareils peuvent avoir des entrées plus récentes.
print-sign-supervisor = Signature du responsable
print-sign-prepared = Signature, fonction, date et heure
print-sign-accept = J’accepte : signature, heure
print-sign-in = Arrivée : heure
print-sign-out = Départ : heure
print-sign-attest = Pour l’organisation : nom, signature, date
said-none-missing = Chaque texte est lisible en { $language }.
said-missing-language = Pas encore en { $language }. Pour l’ajouter : muster info add --translation-of { $short } --language { $language } --title … --text …
map-title = Sites
map-north = N
map-other = Autre
map-counts = Missions : { $tasks }, personnes : { $people }.
map-about = { $count ->
    [one] Carte d’un site d’après ses coordonnées : { $names }.
   *[other] Carte de { $count } sites d’après leurs coordonnées : { $names }.
 }
said-receipts = { $count ->
    [one] Un message est noté comme vu ici.
   *[other] { $count } messages sont notés comme vus ici.
 }
said-no-peers = Personne n’est rencontré en ce moment.
said-listening = À l’écoute sur { $address }
said-in-sync = Tous ceux qu’on rencontre ont les mêmes entrées.
said-import-dry = Rien n’a été enregistré. Sur { $rows } lignes : { $imported } seraient importées, { $unchanged } inchangées, { $filtered } écartées, { $repeated } répétées, { $refused } refusées.
said-imported = Sur { $rows } lignes : { $imported } importées, { $unchanged } inchangées, { $filtered } écartées, { $repeated } répétées, { $refused } refusées.
said-row-refused = Ligne { $row }, colonne { $column } : { $why }
said-row-refused-whole = Ligne { $row } : { $why }
said-taken-back = { $count ->
    [one] Un texte d’une alerte précédente n’est plus épinglé et a expiré.
   *[other] { $count } textes d’alertes précédentes ne sont plus épinglés et ont expiré.
 }
said-exercise = C’est un exercice, un essai ou un brouillon : il n’est pas montré comme s’il était réel.
said-bundle-export = { $entries ->
    [one] Une entrée écrite
   *[other] { $entries } entrées écrites
 } dans { $file } ({ $kib } Kio).
said-bundle-import = { $file } : { $new } nouvelles, { $known } déjà connues.
said-bundle-incomplete = Le fichier est tronqué ou endommagé ; tout ce qui se vérifie a été repris.
said-missing = Il manque : appareil { $device }, voie { $lane }, de { $from } à { $to }
said-inspected = { $file } : { $incident }, { $entries } entrées vérifiées, { $bad } suites qui ne se vérifient pas. Complet.
said-inspected-incomplete = { $file } : { $incident }, { $entries } entrées vérifiées, { $bad } suites qui ne se vérifient pas. TRONQUÉ OU ENDOMMAGÉ.
said-stretch = Appareil { $device }, voie { $lane } : de { $from } à { $to }
said-verified = { $entries } entrées dans { $logs } journaux : chaque signature et chaque chaîne se vérifie.
said-not-verified = { $entries } entrées dans { $logs } journaux se vérifient ; { $bad } endroits non :
said-repaired = { $kept } enregistrements gardés, { $lost } endroits perdus. Cet appareil continue dans une nouvelle génération.
said-hq-imported = { $new } nouvelles entrées, { $known } déjà connues, { $gaps } trous.
said-hq-refused = Refusé : { $code } { $count }
said-hq-sealed = { $count } parties scellées sans clé : donnez --data d’un appareil de rôle hq pour les lire.
said-hq-role = L’appareil donné par --data est { $role } : ce que ses clés n’ouvrent pas reste scellé.
said-hq-no-clocks = Aucune horloge n’a jamais été mesurée ici : les heures sont celles que les appareils indiquent.
said-hq-clock = L’horloge de l’appareil { $device } { $way ->
    [ahead] avançait
   *[behind] retardait
 } de { $minutes } minutes à sa dernière rencontre avec { $by } ; les heures sont celles que les appareils indiquent.
said-hq-exported = { $file } : { $rows } lignes

status-head = { $incident } — { $device } ({ $role })
status-fine = Tout va bien.

conflict-contested = { $about } : deux personnes ont changé « { $field } » sans le savoir l’une de l’autre.
conflict-double-booking = { $about } est affecté deux fois au même moment.
conflict-slot = { $about } : plus de monde que le poste n’en demande.
conflict-other = { $about } : { $what }
conflict-value = { $choice } : { $value } — { $device }, { $time }
conflict-value-now = { $choice } : { $value } — { $device }, { $time } (vaut pour l’instant)
conflict-how = Pour trancher : muster settle { $id } --choose A

reason-double-booked = { $who } est déjà affecté : { $others }
reason-slot-full = { $who } : le poste est complet
reason-no-such-slot = { $who } n’a pas ce poste
reason-no-such-task = Cette mission n’existe pas
reason-no-such-person = Cette personne n’existe pas
reason-task-over = { $who } est terminée
reason-minor = { $who } est mineur, et la mission n’admet pas de mineurs
reason-not-cleared = { $who } n’est pas habilité, et la mission l’exige
reason-limited-clearance = { $who } n’est habilité que pour certains travaux
reason-not-to-be-assigned = { $who } ne doit pas être affecté
reason-long-shift = { $who } travaillerait plus longtemps qu’un service ne peut durer
reason-short-rest = { $who } se reposerait moins que le repos prévu entre deux services
reason-long-run = { $who } est venu trop de jours de suite
reason-other = { $who } : { $code }

finding-conflicts = { $count } à trancher : muster conflicts
finding-pending = { $count } entrées attendent l’admission de leur auteur
finding-erasing-failed = des entrées effacées n’ont pas encore pu être détruites : { $why }. Cela sera retenté ; le disque est-il plein ?
finding-erasures-pending = { $count } effacements sur { $of } ne sont pas encore confirmés par chaque appareil
finding-gaps = { $count } trous dans des journaux ; ils se comblent à la rencontre d’un appareil qui a le reste
finding-disk-reserve = { $room ->
    [own] il ne reste que { $free } Mio sur le disque, moins que la réserve de { $reserve } : ce que les autres appareils envoient n’est pas pris pour l’instant
    [acts] il ne reste que { $free } Mio sur le disque : rien n’est écrit, sauf l’autorité et les clés. Libérez de la place
   *[other] il ne reste que { $free } Mio sur le disque : plus rien n’est écrit. Libérez de la place
 }
finding-intake-delayed = { $reason ->
    [generations] { $label } ouvre journal sur journal : ils sont pris un à un ({ $count } suites remises à plus tard)
   *[other] { $label } envoie plus qu’un jour n’en apporte : le reste est pris peu à peu ({ $count } suites remises à plus tard)
 }
finding-forks = { $count } suites ont été refusées : leur appareil a signé plus d’histoires qu’on n’en garde
finding-forked = { $label } a signé deux histoires de ses { $what ->
    [acts] actes
   *[data] données
} à partir de l’entrée { $seq } (image de disque remise en place, ou deux copies en service) : { $branches } branches, { $entries } entrées qui ne comptent pas toutes. Voyez muster log --refused ; pour qu’elles comptent : muster adopt "{ $label }"
finding-forked-here = cet appareil a signé deux histoires de ses { $what ->
    [acts] actes
   *[data] données
} à partir de l’entrée { $seq } (image de disque remise en place, ou deux copies en service) : { $branches } branches, { $entries } entrées qui ne comptent pas toutes. Il écrit depuis dans de nouveaux journaux. Si une copie est en service, l’une des deux doit s’arrêter : muster wipe là-bas. Pour qu’elles comptent, quelqu’un d’autre dit : muster adopt "{ $label }"
finding-void-proofs = { $count } actes disent qu’un appareil a signé deux histoires, sans le montrer ; ils sont sans effet
finding-no-grant = cet appareil n’a aucun droit valable : il ne peut rien écrire. A-t-il été révoqué ? Voyez muster devices
finding-own-time-over = le temps de cet appareil a pris fin le { $at } : il ne reçoit plus de nouvelles clés et n’admet personne. Ce qu’il écrit compte. Un coordinateur le prolonge : muster grant APPAREIL --expires DATE
finding-time-over = le temps de ces appareils est écoulé, ils ne reçoivent plus de nouvelles clés : { $labels }. Pour prolonger : muster grant APPAREIL --expires DATE
finding-acts-kept = { $count } actes sont gardés (champs de l’incident) ; cette version n’agit pas encore sur eux
finding-no-network = le démon tourne sans réseau
finding-locked = { $data } est verrouillé : rien n’est lu ni rencontré avant muster unlock
finding-nobody-met = personne n’est encore rencontré ; { $heard } aperçus. Même Wi-Fi ? Un point d’accès peut isoler ses clients : essayez --peer
finding-no-interface = aucun réseau n’est actif : ni Wi-Fi, ni câble. Les balises ne vont nulle part
finding-nobody-heard = { $sent } balises envoyées, aucune entendue : personne n’est à portée, ou le point d’accès isole ses clients. Ensuite : un autre réseau, un câble, ou daemon --peer ADRESSE
finding-heard-not-reached = { $count } appareils sont entendus mais injoignables : le point d’accès isole ses clients, ou un pare-feu s’interpose
finding-other-incident-near = des Muster d’un autre incident sont à portée ({ $count } balises), ou cet appareil a manqué plusieurs renouvellements du secret : un ballot apportera alors les nouvelles
finding-other-version-near = des Muster d’une autre version sont à portée ({ $count } balises) : comparez muster --version
finding-strangers = { $count } inconnus sur le réseau ont été éconduits
finding-clock = l’horloge de { $label } { $way ->
    [ahead] avance
   *[behind] retarde
} de { $amount } { $unit ->
    [minutes] minutes
    [hours] heures
   *[days] jours
} sur celle-ci : les heures qu’il écrit sont décalées d’autant, et rien d’autre
finding-own-clock = l’horloge de cet appareil { $way ->
    [ahead] avance
   *[behind] retarde
} de { $amount } { $unit ->
    [minutes] minutes
    [hours] heures
   *[days] jours
} sur toutes celles qui ont été rencontrées : réglez-la
finding-same-device = un autre appareil a la clé de celui-ci : son répertoire de données a été copié, et les deux sont en service ({ $count }). L’un des deux doit s’arrêter : muster wipe là-bas, puis admettez cet appareil à nouveau
finding-generation-renewed = { $reason ->
    [moved] ce répertoire de données vient d’une autre machine
    [restored] une copie plus ancienne de ce répertoire de données a été remise en place
   *[copied] ce répertoire de données est une copie, ou a été restauré depuis une copie
 } ; il écrit depuis dans de nouveaux journaux, pour que rien ne soit signé deux fois. Si l’autre sert encore, l’un des deux doit s’arrêter : muster wipe là-bas, puis admettez cet appareil à nouveau
finding-generation-doubt = { $reason ->
    [moved] ce répertoire de données vient d’une autre machine
    [restored] une copie plus ancienne de ce répertoire de données a été remise en place
   *[copied] ce répertoire de données est une copie, ou a été restauré depuis une copie
 } ; au prochain démarrage il écrira dans de nouveaux journaux. Ne faites jamais tourner deux copies : admettez l’autre appareil pour lui-même
finding-anchor-trouble = rien hors du répertoire de données ne peut répondre de lui ({ $why }) : une copie plus ancienne remise en place peut passer inaperçue jusqu’à la rencontre d’un autre appareil
finding-journal-sound = le journal est sain : { $entries } entrées
finding-journal-damaged = le journal est endommagé : { $why }. Ensuite : muster repair --yes
finding-daemon-down = aucun démon ne tourne sur { $data }. Ensuite : muster --data { $data } daemon
finding-data-unusable = le répertoire de données est inutilisable : { $why }
finding-unlock-method = il se déverrouille par { $method }
finding-cannot-unlock = il ne se déverrouille pas : { $why }
finding-waiting-for-answer = cet appareil a demandé à rejoindre et n’a pas de réponse : muster join --answer FICHIER
finding-device = cet appareil est { $device }
finding-no-device = aucun incident n’a été ouvert ni rejoint ici : muster init, ou muster join

demo-start = Démonstration : tout se passe dans { $dir } et disparaît ensuite.
demo-step = { $n }. { $what }
demo-form = Un incident à trois appareils : gymnase (quartier général), camp (coordinateur), camionnette (relais)
demo-daemons = Trois démons tournent et se trouvent ({ $how })
demo-how-multicast = par multidiffusion
demo-how-address = par adresse : la multidiffusion ne marche pas sur cette machine
demo-load = { $count } objets d’une opération inventée sont chargés au gymnase ; le camp les a aussi
demo-cut = Le réseau est coupé : deux îles
demo-books = Les deux îles affectent { $who } aux mêmes heures, et toutes deux changent un besoin
demo-join = Les îles se retrouvent
demo-conflicts = Rien n’a été écrasé. Les deux listent les mêmes { $count } conflits :
demo-settle = Le coordinateur tranche
demo-bundle = La camionnette porte un ballot au quartier général
demo-hq = Quartier général : { $entries } entrées importées et vérifiées, deux fois, rien en double
demo-digests = Empreintes : gymnase { $a }, camp { $b }, frontière de la camionnette { $c } : égales
demo-done = Fini en { $seconds } s. Il ne reste rien.

error-other = Cela n’a pas marché : { $code }.
error-failed = Cela n’a pas marché : { $why }
error-no-daemon = Aucun démon ne répond sur { $socket }.
hint-no-daemon = Ensuite : muster --data { $data } daemon
error-connection-broken = La connexion au démon s’est rompue : { $why }
error-bad-answer = La réponse du démon est illisible : { $why }
error-stopping = Le démon s’arrête.
error-stop-timeout = Le démon doit s’arrêter, et tient encore { $path } après { $seconds } s.
hint-stop-timeout = Il écrit ce qu’il a. Attendez-le : muster status dira quand aucun démon ne répond plus.
error-cannot-read = { $path } est illisible : { $why }
error-cannot-write = { $path } ne peut être écrit : { $why }
error-file-exists = { $path } existe déjà ; rien n’a été changé.
hint-file-exists = Donnez un autre nom, ou déplacez le fichier.
error-recovery-unfinished = { $path } existe déjà. Un init a été interrompu ici : si le fichier vient de lui, il n’ouvre rien.
hint-recovery-unfinished = Déplacez-le, ou nommez-en un autre par --recovery-out, puis relancez la même commande.
error-config-wrong = Réglage dans { $path } : { $why }
error-passphrase-empty = La première ligne de { $path } est vide.
error-label-empty = Un appareil a besoin d’un nom.
error-label-too-long = Au plus { $limit } octets.
error-code-wrong = Un code d’appareil a de 1 à 8 lettres ou chiffres.
error-threshold-wrong = On ne peut demander { $threshold } racines sur { $roots }.
error-too-many-recovery-files = Plus de fichiers de récupération que les { $roots } racines.
error-missing-argument = Il manque { $name }.
error-no-such-verb = Il n’y a pas de verbe { $verb }.
error-nothing-to-change = Rien à changer : donnez un champ, par exemple --status met.
error-nothing-to-add = Rien à enregistrer : donnez au moins un champ ; voyez muster { $verb } --help.
error-set-wrong = { $given } n’est pas de la forme CHAMP=VALEUR.
error-json-wrong = { $path } n’est pas un objet JSON de champs : { $why }
error-needs-yes = muster { $verb } change des fichiers pour de bon ; dites --yes.
error-locked = Le répertoire de données est verrouillé.
hint-locked = Ensuite : muster unlock
error-lock-timeout = Le démon n’y est pas arrivé en { $seconds } s.
error-needs-passphrase = Une phrase de passe ouvre ce répertoire, et personne n’est devant un terminal pour la donner.
hint-needs-passphrase = Donnez --passphrase-file.
error-needs-key-file = Un fichier de clé gardé ailleurs ouvre ce répertoire.
hint-needs-key-file = Donnez --key-file.
error-nothing-given = Rien n’a été donné.
error-bad-request = La question n’est pas bien formée.
error-not-wiped = Rien n’a été détruit : le nom tapé est un autre.
error-wipe-failed = Tout n’a pas pu être détruit : { $why }
hint-wipe-failed = Relancez-la ; ce qui est écrasé le reste.
error-disk-reserve = Trop peu de place sur le disque : rien n’est écrit ici pour l’instant, sauf ce qui passe avant.
hint-disk-reserve = Libérez de la place : cela reprend de soi-même. Voyez muster status ; la réserve se règle par [disk] reserve.
error-size-wrong = « { $given } » n’est pas une taille ({ $origin }) : 512M, 2G, off, ou auto.
error-duration-wrong = « { $given } » n’est pas une durée ({ $origin }) : 90s, 15m, 2h, ou off.
error-daemon-failed = Le démon s’est arrêté : { $why }
error-data-locked = { $why }
hint-data-locked = Un démon s’en sert déjà : interrogez-le par muster status, ou arrêtez-le par muster stop.
error-data-not-ours = { $why }
hint-data-not-ours = Ouvrez un incident par muster init, ou demandez à en rejoindre un par muster join --request-out FICHIER.
error-data-not-empty = { $why }
error-data-exists = { $why }
hint-data-exists = Un répertoire de données est un appareil dans un incident : donnez-en un autre par --data.
error-data-other-format = { $why }
error-cannot-unlock = { $why }
hint-cannot-unlock = Donnez --passphrase-file ou --key-file, comme à la création.
error-journal-damaged = { $why }
hint-journal-damaged = Copiez d’abord le répertoire, puis : muster repair --yes
error-disk-full = Le disque est plein : { $why }
hint-disk-full = Rien de ce qui était enregistré n’est perdu. Libérez de la place et relancez le démon.
error-no-device = { $why }
hint-no-device = Ouvrez un incident par muster init, ou demandez à en rejoindre un par muster join --request-out FICHIER.
error-not-joined = { $why }
hint-not-joined = Ensuite : muster join --answer FICHIER
error-already-member = { $why }
error-not-admitted = Cet appareil n’est pas admis : { $why }
error-pairing-refused = { $why }
error-no-key = { $why }
hint-no-key = Un coordinateur ou le quartier général peut l’écrire, ou admettre cet appareil avec le rôle qui le peut.
error-entry-too-long = { $why }
error-not-found = { $given } : aucun { $kind } de ce numéro, identifiant ou nom n’est connu ici.
hint-not-found = Essayez : muster find { $given }
error-ambiguous = { $given } peut être : { $candidates }
error-no-such-kind = Il n’y a pas de genre { $kind }.
error-no-such-field = { $kind } n’a pas de champ { $given }.
error-bad-value = { $field } : { $given } n’est pas accepté. Accepté : { $accepted }
error-bad-value-other = { $field } : { $why }
error-erased = { $why }
error-may-not-erase = Les coordinateurs et le quartier général effacent ; cet appareil a le rôle { $own }.
hint-may-not-erase = Demandez à l’un d’eux : muster devices
error-wrong-kind = { $why }
error-write-refused = { $why }
error-field-not-permitted = { $field } s’écrit à partir du rôle { $least } ; cet appareil est { $role }.
error-no-such-role = Il n’y a pas de rôle { $given }.
error-role-not-permitted = Le rôle { $own } ne peut admettre le rôle { $role }.
error-too-deep = Cet appareil est trop loin du fondateur pour en admettre d’autres.
error-own-time-over = Le temps de cet appareil a pris fin le { $at } : il ne reçoit plus de nouvelles clés et ne peut transmettre ce qu’il ne reçoit pas.
hint-own-time-over = Un coordinateur le prolonge : muster grant APPAREIL --expires DATE
error-expires-past = { $given } est déjà passé.
hint-expires-past = Pour mettre fin à une appartenance maintenant : muster revoke APPAREIL
error-role-needed = { $given } n’est pas membre : dites quel rôle il doit avoir.
hint-role-needed = --role hq, coordinator, lead, volunteer ou relay
error-already-admitted = { $label } est déjà admis.
hint-already-admitted = Pour lui donner un autre rôle : muster grant APPAREIL --role RÔLE
error-revoked-here = Cet appareil n’est plus membre : { $by } l’a révoqué. { $why }
hint-revoked-here = Ce qu’il a écrit avant reste. Pour le réintégrer, quelqu’un d’un rang au moins égal lance : muster grant APPAREIL --role RÔLE
error-already-ended = { $label } est déjà exclu : il n’y a plus rien à révoquer.
hint-already-ended = Voyez par qui, et qui l’a appris : muster devices
error-may-not-end = { $label } a le rôle { $role } ; le rôle { $own } ne peut mettre fin qu’à son propre droit et, à partir de responsable, à ceux d’égaux et au-dessous.
hint-may-not-end = Demandez à quelqu’un de rang au moins égal. S’il s’agit du quartier général lui-même : muster recover, avec les fichiers de récupération.
error-too-many-logs = L’appareil a plus de { $limit } journaux : un seul acte ne peut les nommer tous.
error-ended-by-senior = { $label } a été exclu par le rôle { $role } : seul ce rang, ou un plus élevé, le réintègre.
hint-ended-by-senior = Quand des égaux se sont exclus l’un l’autre, un rang plus élevé tranche ; au-dessus du quartier général, ce sont les racines : muster recover.
error-may-not-adopt = Seuls coordinateurs et quartier général adoptent des entrées.
error-adopt-own = Nul n’adopte ce que son propre appareil a écrit.
hint-adopt-own = Un coordinateur ou le quartier général le peut, sur un autre appareil : muster adopt, avec le nom de celui-ci
error-nothing-disputed = { $label } : rien de ce qui est ici, et qui a été demandé, n’est litigieux.
hint-nothing-disputed = Voyez ce qui ne compte pas : muster log --refused
error-may-not-raise = Seul le quartier général relève les plafonds ; cet appareil a le rôle { $own }.
error-allowance-not-higher = C’est déjà { $now } ; { $given } ne serait pas davantage.
error-may-not-rotate = Seuls coordinateurs et quartier général créent de nouvelles clés ; cet appareil a le rôle { $own }.
error-no-such-class = Il n’y a pas de classe { $given } : C1, C2 ou C3.
error-root-act-refused = Le démon n’a pas pris l’acte : il n’est pas de cet incident, ou pas des racines.
error-too-few-roots = Trop peu de racines : il faut { $threshold } fichiers de récupération différents.
error-root-act-file = { $path } ne contient pas d’acte des racines : { $why }
hint-too-few-roots = Donnez chacun par son propre --recovery. Le même fichier deux fois compte une fois.
error-recovery-passphrases = { $files } fichiers de récupération et { $given } fichiers de phrase de passe : donnez-en un pour chacun, dans le même ordre, ou aucun pour qu’on vous demande.
error-cannot-ask-passphrase = Personne ne peut ici donner la phrase de passe.
hint-cannot-ask-passphrase = Donnez chacune dans un fichier : --recovery-passphrase-file FICHIER, dans l’ordre des --recovery.
error-recovery-closed = { $path } : { $why }
hint-recovery-closed = Sa phrase de passe a été montrée une fois, par muster init : dix mots reliés par des traits d’union.
error-not-a-root = { $path } s’ouvre, et ne contient aucune racine de { $incident }.
error-cannot-ask = On demanderait d’abord, et personne ne peut répondre ici ; rien n’a été fait.
hint-cannot-ask = Voyez ce qui suivrait : muster revoke { $device } --dry-run. Pour le faire : --yes
error-cannot-ask-erase = On demanderait d’abord, et personne ne peut répondre ici ; rien n’a été fait.
hint-cannot-ask-erase = Voyez ce qui partirait : muster { $verb } { $id } --dry-run. Pour le faire : --yes
error-not-confirmed = Rien n’a été fait.
error-pair-code-unreadable = Ce n’est pas un code : { $why }.
hint-pair-code-unreadable = Il a trois groupes de quatre lettres et chiffres, par exemple 7K4M-Q2XD-9R3T.
error-pair-life = Un code vit de { $least } à { $most } secondes.
error-pair-no-network = Ce démon n’a pas de réseau, ou se tait.
hint-pair-no-network = Sans réseau : muster join --request-out FICHIER sur l’autre appareil, puis muster admit --request FICHIER.
error-pair-waiting = { $label } attend que vous compariez les mots.
hint-pair-waiting = muster devices les montre ; ensuite muster admit APPAREIL, ou muster invite --end.
error-pair-nobody-waits = Aucun appareil { $given } n’attend d’être admis.
hint-pair-nobody-waits = muster devices montre qui attend ; muster invite --role RÔLE invite.
error-pair-nobody = Aucun appareil qui invite n’a été trouvé.
hint-pair-nobody = Est-ce que muster invite tourne là-bas, sur le même réseau ? Avec son adresse : --peer /ip4/ADRESSE/tcp/PORT.
error-pair-no-invitation = Un appareil qui invite a été trouvé, mais il ne connaît pas ce code.
hint-pair-no-invitation = Comparez le code avec l’écran là-bas, lettre par lettre.
error-pair-wrong-code = Le code est faux. Essais restants : { $left }
error-pair-burned = Le code a été mal saisi trop souvent ; personne ne peut plus s’en servir.
hint-pair-burned = Un nouveau : muster invite
error-pair-used = Le code a déjà servi ; chacun vaut pour un appareil, une fois.
hint-pair-used = Un nouveau : muster invite. Si vous ne l’avez pas utilisé, quelqu’un d’autre l’a fait : dites-le à la personne qui invite.
error-pair-expired = Le code a expiré.
hint-pair-expired = Un nouveau : muster invite
error-pair-declined = Pas d’appairage : la personne à l’autre appareil a dit que les mots diffèrent.
hint-pair-declined = Si c’est le cas, quelqu’un se trouve peut-être entre les deux appareils. Essayez sur un autre réseau, ou par fichiers.
error-pair-declined-here = Pas d’appairage : vous avez dit que les mots diffèrent.
hint-pair-declined-here = Si c’est le cas, quelqu’un se trouve peut-être entre les deux appareils. Essayez sur un autre réseau, ou par fichiers.
error-pair-withdrawn = L’invitation a été retirée.
error-pair-timed-out = Personne n’a dit à temps que les mots sont les mêmes.
error-pair-broken = L’autre appareil a dit quelque chose qui n’a pas sa place dans l’appairage.
error-pair-version = L’autre appareil parle une autre version de l’appairage.
hint-pair-version = La même version de muster sur les deux, ou l’appairage par fichiers.
error-pair-commitment = Arrêté : l’autre appareil ne s’en est pas tenu à la clé sur laquelle il s’était engagé. Quelqu’un se trouve entre les deux.
hint-pair-commitment = Ne continuez pas sur ce réseau. Appairez par fichiers, ou par une autre liaison.
error-pair-impostor = Arrêté : un appareil a répondu au code sans l’avoir fait. Quelqu’un se trouve entre les deux.
hint-pair-impostor = Ne continuez pas sur ce réseau. Appairez par fichiers, ou par une autre liaison.
error-pair-request = La demande n’est pas signée par l’appareil qu’elle nomme.
error-pair-not-admitted = L’autre appareil n’a pas pu admettre celui-ci ; son écran dit pourquoi.
error-pair-gone = La connexion s’est interrompue avant la fin de l’appairage.
hint-pair-gone = Un nouveau code : muster invite
error-pair-other = L’autre appareil a refusé, pour une raison que cette version ne connaît pas.
error-pair-answer-lost = { $label } est admis, mais ses clés ne sont pas arrivées.
hint-pair-answer-lost = Invitez-le de nouveau avec le même rôle : il reçoit les mêmes clés.
error-no-such-slot = La mission n’a pas de poste { $given }. Postes : { $slots }
error-no-such-thread = Il n’y a pas de fil { $given }. Fils : { $threads }
error-rule-refused = La répétition n’est pas acceptée : { $why }
error-no-coordinates = Aucun site n’a de coordonnées qui puissent être dessinées.
error-no-such-form = Il n’y a pas de formulaire { $form }. Formulaires : { $forms }
error-print-of-what = Dites de quoi est { $form } : { $kind }.
error-alert-wrong = { $path } ne peut pas être pris pour une alerte : { $why }
error-assignment-impossible = Affectation impossible : { $reasons }
error-assignment-unsafe = Non affecté : une règle de sécurité l’interdit ({ $reasons }).
error-assignment-warned = Non affecté : { $reasons }.
error-arrival-unsafe = Arrivée non pointée : une règle de sécurité l’interdit ({ $reasons }).
error-arrival-warned = Arrivée non pointée : { $reasons }.
hint-arrival-warned = S’il le faut tout de même : --override "le motif", gardé pour toujours.
hint-assignment-warned = S’il le faut tout de même : --override "le motif", gardé pour toujours.
error-status-impossible = L’affectation est { $from } ; elle ne peut devenir { $to }.
error-not-to-be-asked = { $given } est relevé ou parti, et n’est sollicité pour rien.
error-merge-not-permitted = Seuls les coordinateurs et le quartier général réunissent et séparent ; cet appareil est { $role }.
error-already-joined = { $given } y est déjà réuni.
error-nothing-joined = { $given } n’est réuni à rien.
error-no-place = { $given } n’a pas de lieu sur la carte.
error-already-in = { $person } est présent depuis { $since }.
hint-already-in = Pointez d’abord le départ : muster checkout
error-not-in = { $person } n’est pas pointé présent.
hint-not-in = Si l’arrivée a été oubliée : muster checkin PERSONNE --at HEURE, puis le départ.
error-no-such-conflict = Il n’y a pas de conflit { $given }.
hint-no-such-conflict = Voyez : muster conflicts
error-ambiguous-conflict = { $given } commence l’identifiant de plusieurs conflits.
error-no-such-choice = Il y a { $there } valeurs au choix.
error-choose-one = Choisissez une des valeurs de la liste : --choose A
error-settle-not-permitted = Le rôle { $role } ne peut trancher de conflits.
error-no-network = Le démon tourne sans réseau.
error-address-wrong = { $given } n’est pas une adresse : { $why }
error-nobody-met = Personne n’a été rencontré en { $seconds } s.
hint-nobody-met = Voyez muster doctor ; ou donnez une adresse : muster sync /ip4/10.0.0.2/tcp/4001
error-sync-timeout = Après { $seconds } s, tous ceux qu’on rencontre n’ont pas les mêmes entrées.
error-not-yet = { $what } n’existe pas encore dans cette version.
error-map-wrong = Fichier de correspondance { $path } : { $why }
error-map-other-kind = Le fichier de correspondance est pour { $map }, pas pour { $kind }.
error-table-wrong = { $path } : { $why }
error-column-missing = Le fichier n’a pas de colonne { $column }. Il a : { $columns }
error-bundle-wrong = { $path } : { $why }
error-other-incident = { $path } est d’un autre incident : { $theirs }.
error-hq-failed = Quartier général : { $why }
error-into-wrong = { $given } : donnez sqlite:FICHIER. PostgreSQL n’existe pas encore dans cette version.
error-demo-failed = La démonstration a échoué à l’étape { $step } : { $why }

verb-network = Garder le silence radio, ou rencontrer à nouveau des pairs
arg-state = on ou off
said-offline = Aucun contact jusqu’à : muster network on
said-online = Les pairs sont à nouveau rencontrés.
finding-offline = silence radio : aucun pair n’est rencontré jusqu’à muster network on

why-quote-open = un guillemet n’est pas refermé
why-row-unreadable = la ligne est illisible
why-cell-count = { $found } cellules là où l’en-tête en a { $header }
why-cell-too-long = une cellule de { $len } octets ; le maximum est { $most }
why-not-text = ce n’est pas du texte UTF-8 ; nommez l’encodage dans le fichier de correspondance
why-key-empty = la clé est vide
why-not-a-coordinate = « { $given } » n’est pas une coordonnée ; donnez des degrés décimaux
why-bad-value = { $given } n’est pas accepté. Accepté : { $accepted }

accepted-text = du texte, au plus 16 Kio
accepted-long-text = du texte, au plus 16 Kio
accepted-phone = un numéro de téléphone
accepted-email = une adresse électronique
accepted-number = un numéro tel que N-GYM-12
accepted-integer = un nombre entier de { $low } à { $high }
accepted-decimal = un nombre, au plus 9 décimales
accepted-boolean = oui ou non
accepted-time = un moment tel que 24/11/2026 14:30 ou 2026-11-24T14:30
accepted-date = un jour tel que 24/11/2026 ou 2026-11-24
accepted-window = deux moments séparés par une barre oblique, dont l’un peut manquer
accepted-hours = des jours et des heures tels que lun,mar 08:00-17:00
accepted-language = une étiquette de langue telle que fr, ht ou ar
accepted-place = latitude, longitude en degrés, par exemple 18.54,-72.34 ; un nom peut suivre
accepted-reference = un numéro, un identifiant, ou le début d’un identifiant
accepted-element = l’identifiant d’un élément
accepted-group = des membres tels que item=blanket; quantity=20, ou -ÉLÉMENT pour en retirer un

arg-load = La charger dans cet appareil au lieu de l’imprimer
said-loaded = { $count } objets inventés sont chargés.

error-only-own = L’appareil d’un bénévole n’agit que pour sa propre personne.
hint-only-own = Un responsable ou un coordinateur peut le faire.
error-out-before-in = Le départ serait avant l’arrivée ({ $in }).
error-to-before-from = La fin serait avant le début.
error-after-not-listed = { $given } n’est pas dans cette liste : rien ne peut venir après.
error-title-sensitive = Le besoin est sensible : son titre n’est pas pour tous ceux qui lisent les missions.
hint-title-sensitive = Donnez à la mission son propre titre : --title
error-not-understood = Le démon n’a pas compris la question ({ $why }) : il est d’une autre version, ou la question était trop longue.
error-usage = La ligne de commande est fautive : { $why }
finding-network-dead = le réseau s’est arrêté par une faute : relancez le démon
said-nothing-remembered = On ne se souvient de rien de cet appareil : tout est écrit.
