about = Volunteers, needs and tasks, shared between devices that meet, without network, power or headquarters.
about-after = A first incident: muster init --incident "Flood" --device "Gym laptop", then muster daemon.
    Every verb has --help; every answer can be had as JSON with --json.
heading-verbs = Verbs
heading-everywhere = Everywhere

verb-init = Start a new incident on this device
verb-join = Join an incident by the code of an invitation; or by two small files: ask, then take the answer
verb-admit = Admit the device that waits after invite; or one by its request file, with a sealed answer
verb-devices = Who is admitted, by whom, and who is out
verb-revoke = End a device's membership: a lost or stolen laptop
verb-revoke-more = What the device wrote until now stays; what it writes from now on does not count. The keys it could read are replaced, so it cannot read what is written from then on. What it has read, it has read: tell those concerned.
    On a terminal you are told first what follows, and asked. In a script: --dry-run, then --yes.
    Each device acts on it once it has heard of it; muster devices shows who has not. Bring those the news by meeting them, or by a bundle.
    A first example: muster revoke "Van laptop" --why "stolen at the gym" --wait
verb-grant = Give a device another role, a person, a team, an end, or the key of sensitive things; or take it back in
verb-grant-more = A lower role is a demotion: keys that the device may not read any more are replaced. A higher role gives it the keys of that role. A revoked device that was found again is taken back in by any role; whoever takes it back in must be as senior as whoever revoked it.
    A first example: muster grant "Camp laptop" --role lead --scope "North camp"
verb-adopt = Count entries of a device that are disputed
verb-adopt-more = What a device wrote past the cut of its revocation is kept and shown, and does not count. Look at it (muster log --refused); if it is honest work, adopt it: one entry, or all.
    A first example: muster adopt "Van laptop"
verb-allowance = Let a device write more entries
verb-allowance-more = Each of a device's logs may have so many entries, by its role; more are refused everywhere, so that a broken or hostile device cannot fill every disk. Only headquarters raises it, and it never shrinks.
    A first example: muster allowance "Gym laptop" 200000
verb-keys = The keys in use
verb-keys-rotate = Make new keys, and a new secret of the incident
verb-keys-rotate-more = What is written from now on is sealed by the new keys, which only members get. Needed after a revocation only where muster revoke said that no key was replaced. What is written already stays readable for whoever holds the old keys.
    A first example: muster keys rotate
verb-recover = Make a device headquarters again, or end one, by the recovery files
verb-recover-more = For when headquarters is lost, or is the thief. It takes as many recovery files as muster init was told (--threshold), each with its passphrase. The root keys are used in this command alone and are given to no daemon; without --device this device becomes headquarters.
    A first example: muster recover --recovery gym.recovery.age
verb-invite = Invite a device: shows a code and a QR code, then the words to compare
verb-operator = Say who sits at this device from now on
verb-daemon = Run in the foreground: keep the data, meet other devices
verb-status = Health first, then numbers
verb-peers = Devices met on the network, and whether they have the same entries
verb-digest = What is here, as digests that two devices can compare
verb-doctor = What may be wrong, and what to do
verb-lock = Forget everything that was decrypted; the daemon waits for muster unlock
verb-unlock = Open a locked directory again
verb-wipe = Destroy the data directory, its keys first
verb-stop = Stop the daemon cleanly
verb-kind = { $kind }: add, edit, list, show, erase
verb-kind-add = Add one
verb-kind-edit = Change fields of one
verb-kind-list = List, filtered by fields
verb-kind-show = Show one
verb-kind-erase = Erase one, on every device that hears of it
verb-kind-erase-more = Every value that was ever written to it is destroyed on this device at once, and on each other one when it hears of it; who has is shown by show and list. It cannot be taken back. Coordinators and headquarters erase; whoever a record is about asks one of them.
 It cannot reach what people have read or noted, backups, exports, the old blocks of flash memory, or a device that never hears of it. What other records say of it in their own words stays: find it and change it.
 A first example: muster volunteer erase 977c --why "asked for it"
verb-kind-merge = Join two that are one; undone by split
verb-kind-split = Part what was joined
verb-need-report = Report a need in one line
verb-task-for = Open a task for a need
verb-assign = Assign a volunteer or a team to a task
verb-offer = Answer an offer
verb-offer-answer = Accept or decline an assignment
verb-offer-withdraw = Take an offer or an assignment back
verb-offer-no-show = Somebody did not come
verb-offer-on-site = Somebody is there, without a check-in
verb-offer-done = It is done
verb-checkin = Somebody arrives: by number, id, badge code or name
verb-checkout = Somebody leaves
verb-find = Find text in everything that can be read here
verb-say = Say something to everyone, a role, a team, a site or a person
verb-threads = The threads of the forum: pinned notices, what is unread, the rest
verb-read = Read what is unread, or one thread; what is shown to whom it was for counts as seen
verb-agenda = Who is expected where and when: a person, a team, a site, or all; what overlaps, and who came
verb-where = Who does what where, by area and sector, with the gaps; as a map too
verb-print = Make a page to print, in both languages: ICS 204, 211, 214, roster, slip, badge, notice, attestation
verb-staffing = Tasks with too few or too many people, and needs that no task is for
verb-overdue = Who and what is late
verb-rollcall = Who is on a site now
verb-picture = How the whole stands, in numbers
verb-sources = How old what is known here is
verb-match = Who may be asked for a task, or what somebody may be asked for, with the reasons
verb-duplicates = People and needs that look as if written down twice
verb-brief = What is new, on one page
verb-conflicts = What the merge left for a person to decide
verb-settle = Decide it
verb-import = Import a table of volunteers, needs or sites
verb-sync = Meet peers now, and tell how things stand
verb-bundle = Carry entries on a stick
verb-bundle-export = Write entries into one file
verb-bundle-import = Take in what a bundle holds
verb-bundle-inspect = What a bundle says it holds
verb-log = Entries: who said what, when
verb-history = Every change of one object, and what it replaced
verb-verify = Check every signature and chain again
verb-repair = Keep what can be kept of a damaged journal
verb-watch = Every change as it is applied
verb-hq = Headquarters: the merged account of an operation
verb-hq-import = Import bundles and journals into a warehouse
verb-hq-export = Write the warehouse's tables as files
verb-config = Settings
verb-config-show = Show settings, with --origin where each came from
verb-completions = Completion script for a shell
verb-man = The manual page
verb-demo = Show the whole on this machine, and leave nothing behind
verb-sample = An invented operation as JSON lines, for practice

arg-data = Data directory: one device in one incident
arg-json = Answer as one JSON object
arg-plain = One "label: value" a line, for screen readers
arg-lang = Language of text: en or fr
arg-yes = Do not ask
arg-config = Settings file
arg-passphrase-file = File whose first line unlocks the data directory
arg-key-file = Key file that unlocks the data directory
arg-incident = Name of the incident
arg-device = What people call this device
arg-which-device = The device: its name, its code, or the beginning of its id
arg-why = Why, for those who will ask
arg-dry-run-erase = Say what would go; do nothing
arg-since-disputed = What it wrote since then does not count either; its clock is allowed for as far as it was measured
arg-dry-run-acts = Say what would follow, and do nothing
arg-wait-heard = Wait until every member has heard
arg-entry = One entry, by the beginning of its hash as in muster log
arg-entries = How many entries each of its logs may have
arg-class = C1, C2 or C3; without it all that this device reads, and the secret of the incident
arg-recovery = A recovery file, once for each root
arg-end-device = End this device instead, whatever its role
arg-out-act = Write the act to this file instead of carrying it, for other roots to sign
arg-sign = An act that others have begun: sign it too; the file then holds both
arg-carry = An act that enough roots have signed: hand it to the daemon
arg-recovery-passphrase-file = File whose first line opens the recovery file at the same place; asked for where none is given
arg-code = Short code in numbers such as N-GYM-12
arg-invitation = The code that muster invite shows, or the text of its QR code
arg-expires = When its time is up: after that it gets no new keys
arg-code-expires = How long the code may be used: 600 unless told
arg-no-wait = Show the code and return; go on with muster devices and muster admit DEVICE
arg-end = Say no to the device that waits, or withdraw the code
arg-roots = How many root keys
arg-threshold = How many of them a recovery takes
arg-recovery-out = Where the recovery file goes, once for each root
arg-languages = Languages of the incident, such as en,fr
arg-request-out = Write a request file for a member to admit
arg-answer = The answer file of the member who admitted; or accept or decline
arg-request = The request file, or the text of its QR code
arg-qr = Also show the request as a QR code and as text
arg-role = hq, coordinator, lead, volunteer or relay
arg-person = A volunteer, by number, id, badge code or name
arg-scope = Team or site to which a lead is limited
arg-sensitive = Also give the key of sensitive fields (medical, protection, minors)
arg-answer-out = Where the answer file goes
arg-name = Name
arg-listen = Address to listen on, such as /ip4/0.0.0.0/tcp/0
arg-peer = Address of a peer, such as /ip4/10.0.0.2/tcp/4001
arg-no-discovery = Do not look for peers
arg-no-network = No network at all: control socket and files only
arg-locked = Start locked: no key is asked for before muster unlock
arg-auto-lock = Lock after this long without a command: 90s, 15m, 2h, off
arg-id = Number, id, or the beginning of an id
arg-title = What is needed, in a few words
arg-need = The need
arg-set = Any field by its name; an empty value clears it
arg-from-json = Fields as a JSON object, from a file or from stdin
arg-where = Any field by its name
arg-containing = Only those that contain this text
arg-limit = At most so many
arg-after = Go on after this one
arg-stale = Only what nobody has changed for so long (12h when nothing is said), or since a time
arg-match-about = The task, or the volunteer
arg-all = A plan for all open places, one place a person
arg-near = Only what is near this point, or near an object; the nearest first
arg-within = How near, in kilometres; 5 when nothing is said
arg-kind = Only this kind
arg-kept = The one that is kept
arg-other = The one that is the same
arg-task = The task
arg-volunteer = The volunteer or team
arg-slot = Slot of the task: its place in the list, its skill, or its element
arg-from = From when, where it differs from the task
arg-to = Until when
arg-override = Why a warning is overridden; kept for ever
arg-told = How somebody without a device was told
arg-told-by = Who told them; this device's operator, or its name, when nothing is said
arg-lease = Until when the place is kept without an answer; after that it shows as unconfirmed
arg-assignment = The assignment
arg-site = The site
arg-at = When, if not now
arg-text = Words to look for
arg-words = What to say
arg-whom = Whom it is for: everyone (unless told), a role, or a team, site or person by name, number or id
arg-thread = The thread’s name
arg-reply-to = The message that this answers
arg-translation-of = The message that this says in another language
arg-language = The language of the text, such as en, fr, ht, ar: that of the screen unless told
arg-pressing = urgent, high, normal or low: urgent travels first
arg-over-at = When it has no meaning any more
arg-pin = Keep it before everything else
arg-in-thread = A thread by its name, by whom its board is for, or by one of its messages
arg-silent = Leave no record that it was seen here
arg-expired = Also what has expired
arg-whose = A volunteer, a team or a site, by name, number or id; everybody unless told
arg-window-from = From when: now unless told
arg-window-to = Until when: a week later unless told
arg-sector = One sector
arg-area = Areas whose name holds this
arg-svg = Also draw the sites as a map into this file
arg-map-title = What stands above the map
arg-missing = Texts that cannot be read in this language, such as fr
arg-form = ics204, ics211, ics214, roster, slip, badge, notice or attestation
arg-form-of = What it is of: a task (ics204), a site (ics211), anything (ics214), a team or site (roster), an assignment (slip), a volunteer or team (badge), a message or information (notice), a volunteer (attestation)
arg-form-from = From when: check-ins, notes and tasks before are left out
arg-form-to = Until when
arg-public = Only what is public: information for everybody, and what it takes to check it
arg-note-text = What happened
arg-about = What it is about: any number or id
arg-noted-at = When, if not now
arg-conflict = The conflict, as listed by muster conflicts
arg-choose = One of the values listed
arg-value = Another value
arg-what = volunteers, needs, sites, or alerts (Common Alerting Protocol 1.2)
arg-file = The file
arg-map = Mapping file: columns to fields, values to codes
arg-dry-run = Say what would happen, and store nothing
arg-wait = Wait until everybody met has the same entries
arg-timeout = Wait at most so many seconds
arg-out = Where to write
arg-for = Only what this device lacks, as far as is remembered
arg-since = Only entries since then
arg-since-brief = Since when: a time, or how long ago (8h, 30m, 2d); your last check-out when nothing is said
arg-files = Bundles
arg-follow = Go on with new entries as they come
arg-refused = Only what does not count, and what was refused
arg-of = Only entries about this object
arg-path = Another data directory
arg-into = The warehouse, such as sqlite:hq.db
arg-paths = Bundles, directories of bundles, data directories
arg-origin = Where each setting came from
arg-format = Format of the files
arg-shell = bash, zsh, fish, elvish or powershell
arg-keep = Leave the demo's files in place
arg-size = How many objects
arg-seed = The same seed gives the same operation

word-yes = yes
word-no = no
word-minutes = { $count ->
    [one] 1 minute
   *[other] { $count } minutes
 }
word-hours = { $count } h
word-days = { $count ->
    [one] 1 day
   *[other] { $count } days
 }
word-staffing-nobody = nobody
word-staffing-under = too few
word-staffing-over = too many
word-staffing-full = full
word-staffing-open = no number wanted
word-late-team = team not back
word-late-past-end = on site past the end
word-late-long-shift = on site for longer than a shift may last
word-late-not-arrived = expected, not checked in
word-late-lease = unconfirmed, the time to answer is over
word-age-12h = under 12 h
word-age-1d = under 1 day
word-age-2d = under 2 days
word-age-7d = under 7 days
word-age-older = older
word-unnamed = somebody not named
word-by-check-in = check-in
word-by-check-in-no-device = check-in, no device
word-by-assignment = assignment only
word-none-given = none given
word-for-from-home-only = works from home only, and this can be done there
word-for-from-home = works from home too
word-for-area = lives in the area
word-for-language = speaks a language that is wanted
word-for-available = said to be available then
word-for-skill-confirmed = the skill is confirmed
word-for-level-above = more experienced than asked for
word-against-tired = would be working too long or resting too little
word-against-language-missing = speaks none of the languages wanted
word-against-on-site-only = works on site only
word-against-availability-unsaid = availability not said
word-excluded-skill = without the skill
word-excluded-booked = booked then
word-excluded-unavailable = not available then
word-excluded-place = from home only
word-excluded-not-suitable = not suitable
word-alike-name-same = same name
word-alike-name-alike = similar name
word-alike-phone = same telephone
word-alike-email = same mail address
word-alike-badge = same badge
word-alike-area = same area
word-alike-place = same place
word-alike-category = same category
word-alike-time = about the same time
word-alike-words = almost the same words
word-silent = (silent)
word-unconfirmed = unconfirmed
word-contested = contested
word-sensitive = sensitive need, ask a coordinator
word-withheld = name withheld
word-clock-off = { $claimed } (by a clock that is off; about { $likely })
word-this-device = this device
word-unknown-device = a device not known here
word-unreadable = cannot be read here
word-everyone = everyone
word-pinned = Pinned
word-board = Board
word-gap = gap
word-not-said = not said
word-authority = devices and keys
word-the-roots = the roots
membership-member = member
membership-revoked = revoked
membership-demoted = demoted
membership-suspended = suspended
membership-void = void
membership-until = { $word } until { $until }
membership-over = { $word }, time up since { $until }
class-c1 = tasks, skills and areas (C1)
class-c2 = names, telephones and exact places (C2)
class-c3 = medical, protection and minors (C3)
level-ok = ok
level-attention = look
level-trouble = TROUBLE
role-root = root
role-hq = headquarters
role-coordinator = coordinator
role-lead = lead
role-volunteer = volunteer
role-relay = relay
role- = not admitted

label-number = Number
label-kind = Kind
label-title = Title
label-status = Status
label-id = Id
label-entries = Entries
label-frontier = Frontier
label-state = State
label-unreadable = Sealed parts without a key here
label-conflicts = Conflicts
label-unread = Unread messages
label-devices = Devices
label-peers = Peers met now
label-operator = Operator
label-thread = Thread
label-to-whom = For
label-messages = Messages
label-waiting = Unread
label-last = Latest
label-from-device = From
label-said-at = Written
label-message = Message
label-seen-on = Seen on
label-seen-by = Told otherwise
label-in-language = In { $language }
label-when = When
label-what = What
label-where = Where
label-expected = Expected
label-came = Came
label-remark = Remark
label-area = Area
label-sector = Sector
label-who = Who
label-does = Does
label-tasks = Tasks
label-people = People
label-sites = Sites
label-open-needs = Open needs
label-languages = Languages
label-refused = Refused
label-device = Device
label-address = Address
label-in-sync = Same entries
label-received = Received
label-sent = Sent
label-code = Code
label-role = Role
label-admitted-by = Admitted by
label-membership = Membership
label-reads = Reads
label-last-heard = Last wrote
label-time = Time
label-place = Log
label-about = About
label-field = Field
label-value = Value
label-replaced = Replaced
label-task = Task
label-shortage = State
label-wanted = Wanted
label-offered = Offered
label-accepted = Accepted
label-on-site = On site
label-unconfirmed = Unconfirmed
label-missing = Missing
label-late = Late
label-since = Since
label-site = Site
label-due = Due
label-tick = Seen
label-last-seen = Last seen
label-party = People
label-known-by = Known by
label-filled = Filled
label-sure = Sure
label-needs = Needs
label-hour = Hour
label-age = Age

said-init-start = Making keys …
said-init = Incident { $incident } begins on this device. Its data is in { $data }.
said-begun-again = An earlier init was cut short here. What it had begun is kept in journal/damaged; nobody was ever told of it.
said-recovery = Recovery file: { $file }
    Its passphrase, shown this once: { $passphrase }
    Write it on paper and keep it away from the file. Without both, root authority is lost with this device.
said-default-key = The data is locked by a key file in the same directory. That protects a copied part of it, not a stolen disk. For a device that may be lost, use --passphrase-file or --key-file.
said-next-daemon = Next: muster --data { $data } daemon
said-request = The request is in { $file }. Take it to a member, who runs: muster admit --request FILE --role ROLE --answer-out FILE
said-joined = Joined { $name }. Next: muster --data { $data } daemon
said-invite = Code: { $code }
    On the other device: muster join { $code } --device LABEL
    The same as the QR code, for pasting: muster join { $card }
    If they do not find each other: muster join { $code } --peer { $address }
    Good for one device, until { $expires }.
said-invite-ended = The code cannot be used any more.
said-searching = Looking for the device that invites …
said-words = { $label }: compare these words and digits with the other screen.
    
        { $words }
        { $digits }
    
ask-invite = Does the other screen show the same? Yes admits the device. [y/n]
ask-join = Does the other screen show the same? Yes joins { $name }. [y/n]
said-other-matches = The person at the other device says that they are the same.
said-pair-waiting = Admitted. Waiting for the other device to take its keys …
said-paired = { $label } is admitted ({ $role }) and has its keys.
said-pending = { $label } waits ({ $role }). If its screen shows { $words }: muster admit { $code }
said-admitted-pending = { $label } is admitted ({ $role }); its keys are on the way.
said-admitted = { $label } is admitted as { $role }. Take { $file } back to it; it runs: muster join --answer FILE
said-revoke-question = Revoke { $label } ({ $role }, { $id })? yes/no
said-could-read = What { $label } could read, of what is here:
said-could-read-class = { $class }: { $parts } of { $of } parts
said-plan-keys = Keys that would be replaced: { $classes }
said-plan-no-keys = No key would be replaced: it reads none of those in use.
said-plan-disputed = { $count ->
    [0] No entry of it would become disputed.
    [one] One entry of it would become disputed: kept, shown, and not counted.
   *[other] { $count } entries of it would become disputed: kept, shown, and not counted.
 }
said-since-corrected = Since { $since }; by its own clock, as measured when it was last met: { $theirs }.
said-since-measured = Since { $since }: its clock was right within two minutes when it was last met.
said-since-unmeasured = Since { $since }, by its own clock: how far that is off was never measured here.
said-plan-nothing = Nothing is done so far.
said-revoked = { $label } is revoked.
said-keys = Keys replaced: { $classes }
said-no-keys = No key was replaced here. Where a key must go, a coordinator or headquarters makes the new one before they next write.
said-secret-renewed = The secret of the incident is renewed.
said-disputed = { $count ->
    [one] One entry of it is disputed. To count it all the same: muster adopt "{ $label }"
   *[other] { $count } entries of it are disputed. To count them all the same: muster adopt "{ $label }"
 }
said-all-heard = Every member has heard.
said-not-heard = Has heard: { $heard }. Has not heard yet, as far as is known here: { $waiting }.
said-handed = A bundle with it was written for: { $handed }.
said-heard-timeout = Time is up, and not everybody has heard. It goes on by itself; see muster devices.
said-ended = { $label }: { $what } by { $by }.
said-ended-why = Why: { $why }.
said-ended-suspended = Equals have ended one another: it holds until somebody senior decides (muster grant, or muster recover).
said-void = { $label }: void. Whoever admitted it was out by then; what it wrote does not count.
said-granted-from = { $label } is { $role } now; it was { $before }.
said-granted-same = { $label } stays { $role }, with what was given.
said-granted-back = { $label } is a member again, as { $role }.
said-adopted = { $label }: { $count ->
    [one] one entry adopted
   *[other] { $count } entries adopted
 }, { $left } still disputed.
said-fork = { $label } signed two histories of its { $what ->
    [acts] acts
   *[data] data
 } from entry { $seq } on (a disk image put back, or two copies in use): { $branches } branches here.
said-fork-branch = { $head }: { $entries } entries, { $since } to { $until }, { $counts ->
    [yes] counted
   *[no] not counted
 }
said-fork-adopt = To count all of it: muster adopt "{ $label }". One branch: muster adopt "{ $label }" --entry { $head }
said-allowance = { $label } may write { $entries } entries in each log; it was { $before }.
said-passphrase-of = Passphrase of { $file }:
said-recovered = { $label } is { $role } by the roots. { $handed ->
    [0] No key was handed to it by this device.
    [one] This device handed it one key.
   *[other] This device handed it { $handed } keys.
 }
closed-revoked = Contacts ended, the other device is no member any more: { $count }
closed-revoked-there = Contacts ended, the other side says that this device is no member any more: { $count }
closed-stranger = Contacts ended, the other side is of no or of another incident: { $count }
closed-other-version = Contacts ended, the other side speaks another version: { $count }
closed-not-admitted = Contacts ended, nobody admitted the other device: { $count }
closed-not-admitted-there = Contacts ended, the other side does not know this device: { $count }
closed-bad-identity = Contacts ended, the other side is not the device it named: { $count }
closed-same-device = Contacts ended, the other side has this device’s own key: { $count }
closed-malformed = Contacts ended, what came cannot be read: { $count }
closed-unexpected = Contacts ended, something came out of its turn: { $count }
closed-flood = Contacts ended, the other side sent more than was agreed, or took nothing: { $count }
closed-broken-runs = Contacts ended, the other side kept sending broken runs: { $count }
closed-timeout = Contacts ended, the other side did not greet in time: { $count }
closed-silent = Contacts ended, nothing was said for too long: { $count }
closed-link-silent = Contacts ended, the link fell silent: { $count }
closed-frame-too-long = Contacts ended, a frame was announced that is too long: { $count }
closed-frame-empty = Contacts ended, an empty frame was announced: { $count }
closed-frame-cut = Contacts ended in the middle of a frame: { $count }
closed-crowded = Contacts ended, they had proven nothing and others came: { $count }
closed-shunned = Contacts refused, the device broke the rules a moment ago: { $count }
closed-too-many-of-one = Contacts ended, the same device had others: { $count }
refused-malformed = Runs refused, not to be read: { $count }
refused-newer-version = Runs refused, of a later version: { $count }
refused-no-key = Runs refused, in plain bytes under a key that is not held here: { $count }
refused-bad-signature = Runs refused, the signature is not the author’s: { $count }
refused-bad-run = Runs refused, they do not prove one another or break a limit: { $count }
refused-unknown-author = Runs refused, nobody admitted the author: { $count }
refused-unknown-lane = Runs refused, of an unknown lane: { $count }
refused-fork = Runs refused, their author signed another history before: { $count }
refused-over-allowance = Runs refused, beyond what their author may write: { $count }
refused-not-admitted = Runs refused, data of a device that nobody admitted: { $count }
refused-busy = Runs refused, no room to keep them until their author is known: { $count }
refused-not-stored = Runs refused, not stored: { $count }
refused-rate = Runs put off, too much of one author in a day: { $count }
refused-generations = Runs put off, too many logs of one author: { $count }
refused-no-space = Runs put off, too little room on the disk: { $count }
turned-away-full = Connections turned away, no place: { $count }
turned-away-banned = Connections turned away, kept away for a while: { $count }
turned-away-too-fast = Connections turned away, too many from one address: { $count }
turned-away-not-spoken = Connections turned away, another protocol: { $count }
turned-away-no-session = Connections turned away, no session in time: { $count }
turned-away-handshake = Connections turned away, the encryption was not set up: { $count }
turned-away-dials-failed = Dials without an answer: { $count }
turned-away-not-beacons = Datagrams that are no beacons: { $count }
turned-away-foreign-beacons = Beacons that do not open here: another incident’s, or made up: { $count }
turned-away-beacons-passed-over = Datagrams not looked at, too many from one address: { $count }
said-root-ended = { $label } is out: the roots have ended it. The keys it could read are replaced as far as this device makes them.
said-root-act-admit = Incident { $incident }: gives { $label } (device { $id }) the role { $role }.
said-root-act-end = Incident { $incident }: ends the membership { $id }, of the device that whoever began this calls { $label }. Compare with muster devices --json.
said-root-act-other = An act of the roots that this version does not tell in words.
said-root-act-signed = { $given } of { $needed } roots have signed { $file }. The next one: muster recover --sign { $file } --recovery FILE
said-root-act-ready = { $given } of { $needed } roots have signed { $file }. At a device of the incident: muster recover --carry { $file }
said-daemon = Muster runs. Control socket: { $socket }. Ctrl-C stops it.
said-daemon-locked = Muster is locked. Control socket: { $socket }. Next: muster unlock
said-locked = Locked. Nothing decrypted is in memory any more, and nobody is met. Next: muster unlock
said-unlocked = Unlocked.
said-wiped = { $data } is destroyed, its keys first.
said-wipe-left = Left, because it is not Muster’s: { $names }
said-wipe-limits = What this cannot promise: a flash disk may keep old blocks for a while, and with them what opens the rest if the passphrase or key file is known. Backups and copies, recovery files, bundles and exports are where they were; other devices keep what they hold. If the device was lost or is suspect, its removal is still to be said on another one.
ask-passphrase = Passphrase (not shown): 
ask-wipe = Everything in { $data } will be destroyed for good. To go on, type its name, { $name }:
said-stopping = The daemon has stopped.
said-operator = At this device: { $name }
said-no-operator = Nobody has said who sits at this device.
said-added = { $kind } { $short } is saved.
said-edited = { $short } is changed.
said-unchanged = { $short } says so already.
said-erased = { $short } was erased.
said-erased-by = { $short } was erased by { $by }.
said-gone-everywhere = Gone on every device ({ $of }).
said-gone-on = Gone on { $gone } of { $of } devices; not yet, as far as is known here: { $missing }.
said-erase-plan = { $what } would be erased for good: { $entries ->
    [0] no entry of it is here
    [one] one entry, written by { $devices }
   *[other] { $entries } entries, written by { $devices }
 }.
said-erase-fields = Fields: { $fields }.
said-erase-hear = Devices that still have to hear of it: { $devices }.
said-erase-mentioned = { $count ->
    [one] One other record refers to it. That record stays, and will point to something erased.
   *[other] { $count } other records refer to it. They stay, and will point to something erased.
 }
said-erase-shared = { $count ->
    [one] One part also holds other records, and stays.
   *[other] { $count } parts also hold other records, and stay.
 }
said-erase-unreadable = { $count ->
    [one] One part here cannot be read by this device. If it is about this, whoever reads it has it erased on hearing.
   *[other] { $count } parts here cannot be read by this device. Those about this are erased when somebody who reads them hears.
 }
said-erase-stays = It does not reach what people have read or noted, backups, exports, paper, or a device that never hears of it.
said-erase-nothing-left = { $short } is erased already; nothing of it is left here.
said-erase-question = Erase { $what } on all devices? It cannot be taken back. yes/no
said-erase-done = { $short } is erased: { $entries ->
    [one] one entry was destroyed here.
   *[other] { $entries } entries were destroyed here.
 }
said-none = None.
said-more = There are more: --after { $after }
said-view-staffing = Every open task: how many people it wants, how many were asked, and how many have said yes or are there. Offered does not mean that they know. Unconfirmed means that the time to answer is over; the place is still theirs.
said-view-overdue = People on site past their end, people who were expected and did not check in, teams that are not back, offers whose time to answer is over. Ask before you send somebody.
said-view-rollcall = Counted are those whom a device here knows to be there. Who came without being checked in is not on it.
said-view-picture = Places wanted by open tasks against places filled. Sure are those who accepted, are there or are done.
said-view-sources = How old what this device knows is: when it last got anything from each other device, and by way of whom. What happened since then is not here.
said-view-match = First what must be: the skill at its level and still valid, free at that time, a place where they can work. Then what speaks for and against, the best first. It proposes; you decide. It says nothing of a person's needs.
said-view-duplicates = These look as if one were written down twice. Nothing is joined by itself: look at both, then join them or leave them. Joining is undone by split; assignments follow.
said-needs-without-task = { $count ->
    [one] One need has no task: { $needs }
   *[other] { $count } needs have no task: { $needs }
 }
said-rollcall = { $site }, { $time }: { $count ->
    [one] 1 person
   *[other] { $count } people
 }
said-expected = { $count ->
    [one] Expected, and not checked in: { $people }
   *[other] { $count } expected, and not checked in: { $people }
 }
said-worked = { $count ->
    [one] 1 person has worked { $hours } h;
   *[other] { $count } people have worked { $hours } h;
 } on site now: { $there }.
said-source-never = { $who }: nothing came yet.
said-source-met = { $who }: last heard { $span } ago, met directly.
said-source-via = { $who }: last heard { $span } ago, by way of { $via }.
said-source-file = { $who }: last heard { $span } ago, from a file.
said-source-wrote = { $who }: last wrote { $span } ago, by its own clock.
said-alone = No other device belongs to this incident yet.
said-match = { $about }: places open { $there }, people or tasks that fit { $found }.
said-match-excluded = Left out: { $why }.
said-match-how = To assign: muster assign { $task } { $who }
said-plan = { $count ->
    [one] A plan for 1 place; { $there } stay open. Nobody is assigned by it.
   *[other] A plan for { $count } places; { $there } stay open. Nobody is assigned by it.
 }
said-duplicate = { $a } and { $b }: { $why }. To join: muster { $verb } merge { $keep } { $other }
said-no-duplicates = Nothing looks as if written down twice.
said-similar = Perhaps here already: { $about } ({ $why })
said-merged = { $joined } is now the same as { $about }. To undo it: muster { $verb } split { $other }
said-split = { $about } stands by itself again.
said-view-brief = What is new since a moment: urgent things, what is contested, who is late, and devices of which nothing came for 6 h. It goes by the times that devices claim.
said-brief = Since { $time }: { $needs } new needs, { $tasks } new tasks, { $volunteers } new volunteers, { $closed } needs closed.
said-brief-urgent = Urgent: { $new } new, { $count } from before still open.
said-brief-conflicts = To decide: { $count }
said-brief-overdue = Late: { $count }
said-brief-silent = Devices of which nothing came for long: { $count }
said-assigned = { $volunteer }: { $task }, { $status }. Assignment { $short }.
said-checkin = { $who } is in since { $time }.
said-checkin-site = { $who } is in at { $site } since { $time }.
said-checkout = { $who } left at { $time }, after { $hours } h { $minutes }.
said-no-conflicts = Nothing to decide.
said-settled = Settled: { $about } ({ $id }).
said-said = Said to { $whom } ({ $short }).
said-no-threads = Nobody has said anything yet. To begin: muster say "TEXT"
said-nothing-unread = Nothing is unread.
said-threads-why = Pinned notices first, then threads with something for you that was not read on this device, the rest by the latest message. To read: muster read, or muster read THREAD
said-agenda = Agenda of { $who }, { $from } to { $to }
said-agenda-empty = Nothing is planned.
said-agenda-why = "Came" counts the people expected who checked in meanwhile. Overlaps are of the same person; back to back is none.
said-overlaps = Overlaps { $others }.
said-not-in = Not checked in: { $who }.
said-where-empty = Nothing is known of who does what where. To begin: muster activity add, muster site add
said-where-why = { $gaps ->
    [0] Where something is needed, somebody is at work or has a task. Sensitive needs are not counted.
    [one] One gap: something is needed there, and nobody has an activity or a task for it. Sensitive needs are not counted.
   *[other] { $gaps } gaps: something is needed there, and nobody has an activity or a task for it. Sensitive needs are not counted.
 }
said-where-svg = The map is in { $file }. Places marked as confidential are not on it.
said-printed = { $count ->
    [one] { $file } is ready to print.
   *[other] { $file } is ready to print, with { $count } pages or cards.
 }
print-title-ics204 = Assignment list (ICS 204)
print-title-ics211 = Check-in list (ICS 211)
print-title-ics214 = Activity log (ICS 214)
print-title-roster = Roster
print-title-slip = Assignment
print-title-badge = Badge
print-title-notice = Notice
print-title-attestation = Attestation of volunteer hours
print-incident = Incident name
print-period = Operational period
print-task = Task
print-site = Site
print-area = Area, division or group
print-supervisor = Supervisor
print-when = When
print-radio = Radio channel
print-resources = Resources assigned
print-name = Name
print-persons = Persons
print-phone = Phone
print-status = Status
print-work = Work
print-instructions = Instructions
print-special = Special instructions
print-ppe = Protective equipment
print-hazards = Hazards
print-prepared = Prepared by
print-checkin-place = Check-in location
print-checkins = Check-ins
print-order = Order no.
print-home-unit = Home unit
print-party = Party size
print-in = In
print-out = Out
print-travel = Method of travel
print-about = About
print-log = Notable activities
print-time = Time
print-activity = What happened
print-by = By
print-of = Of
print-badge = Badge code
print-position = Position
print-people = People
print-place = Place
print-report-to = Report to
print-report-at = Report at
print-report-time = Report time
print-assignment = Assignment
print-organisation = Organisation
print-languages = Languages
print-valid-until = Valid until
print-total = Hours in all, as claimed
print-hours = Hours
print-attendance = Attendance
print-none = Nothing is recorded.
print-made = Made from Muster on { $device }, { $time }. Newer entries may exist on other devices.
print-sign-supervisor = Supervisor’s signature
print-sign-prepared = Signature, position, date and time
print-sign-accept = I accept: signature, time
print-sign-in = Arrived: time
print-sign-out = Left: time
print-sign-attest = For the organisation: name, signature, date
said-none-missing = Every text can be read in { $language }.
said-missing-language = Not in { $language } yet. To add it: muster info add --translation-of { $short } --language { $language } --title … --text …
map-title = Sites
map-north = N
map-other = Other
map-counts = Tasks: { $tasks }, people: { $people }.
map-about = { $count ->
    [one] A map of one site, from its coordinates: { $names }.
   *[other] A map of { $count } sites, from their coordinates: { $names }.
 }
said-receipts = { $count ->
    [one] One message is noted as seen here.
   *[other] { $count } messages are noted as seen here.
 }
said-no-peers = Nobody is met just now.
said-listening = Listening on { $address }
said-in-sync = Everybody met has the same entries.
said-import-dry = Nothing was stored. Of { $rows } rows: { $imported } would be imported, { $unchanged } unchanged, { $filtered } filtered, { $repeated } repeated, { $refused } refused.
said-imported = Of { $rows } rows: { $imported } imported, { $unchanged } unchanged, { $filtered } filtered, { $repeated } repeated, { $refused } refused.
said-row-refused = Row { $row }, column { $column }: { $why }
said-row-refused-whole = Row { $row }: { $why }
said-taken-back = { $count ->
    [one] One text of an earlier alert is no longer pinned, and has expired.
   *[other] { $count } texts of earlier alerts are no longer pinned, and have expired.
 }
said-exercise = It is an exercise, a test or a draft, and is not shown as if it were real.
said-bundle-export = { $entries ->
    [one] One entry
   *[other] { $entries } entries
 } written to { $file } ({ $kib } KiB).
said-bundle-import = { $file }: { $new } new, { $known } known already.
said-bundle-incomplete = The file is truncated or damaged; everything that verifies was taken in.
said-missing = Missing: device { $device }, lane { $lane }, { $from } to { $to }
said-inspected = { $file }: { $incident }, { $entries } entries that verify, { $bad } runs that do not. Complete.
said-inspected-incomplete = { $file }: { $incident }, { $entries } entries that verify, { $bad } runs that do not. TRUNCATED OR DAMAGED.
said-stretch = Device { $device }, lane { $lane }: { $from } to { $to }
said-verified = { $entries } entries in { $logs } logs: every signature and chain verifies.
said-not-verified = { $entries } entries in { $logs } logs verify; { $bad } places do not:
said-repaired = { $kept } records kept, { $lost } places lost. This device goes on in a new generation.
said-hq-imported = { $new } new entries, { $known } known already, { $gaps } gaps.
said-hq-refused = Refused: { $code } { $count }
said-hq-sealed = { $count } sealed parts without a key: give --data of a device with role hq to read them.
said-hq-role = The device given with --data is { $role }: what its keys do not open stays sealed.
said-hq-no-clocks = No clock was ever measured here: times stand as the devices claim them.
said-hq-clock = The clock of device { $device } was { $minutes } minutes { $way ->
    [ahead] ahead
   *[behind] behind
 } when { $by } last met it; times stand as the devices claim them.
said-hq-exported = { $file }: { $rows } rows

status-head = { $incident } — { $device } ({ $role })
status-fine = All is well.

conflict-contested = { $about }: two people changed "{ $field }" without knowing of each other.
conflict-double-booking = { $about } is booked twice at the same time.
conflict-slot = { $about }: more people than the slot wants.
conflict-other = { $about }: { $what }
conflict-value = { $choice }: { $value } — { $device }, { $time }
conflict-value-now = { $choice }: { $value } — { $device }, { $time } (stands for now)
conflict-how = To settle: muster settle { $id } --choose A

reason-double-booked = { $who } is booked already: { $others }
reason-slot-full = { $who }: the slot is full
reason-no-such-slot = { $who } has no such slot
reason-no-such-task = There is no such task
reason-no-such-person = There is no such person
reason-task-over = { $who } is over
reason-minor = { $who } is a minor, and the task does not allow minors
reason-not-cleared = { $who } is not cleared, and the task needs vetting
reason-limited-clearance = { $who } is cleared for some work only
reason-not-to-be-assigned = { $who } is not to be assigned
reason-long-shift = { $who } would be working for longer than a shift may last
reason-short-rest = { $who } would rest for less than the rest between two shifts
reason-long-run = { $who } has come too many days in a row
reason-other = { $who }: { $code }

finding-conflicts = { $count } to decide: muster conflicts
finding-pending = { $count } entries wait for the admission of their author
finding-erasing-failed = erased entries could not be destroyed yet: { $why }. It is tried again; is the disk full?
finding-erasures-pending = { $count } of { $of } erasures are not confirmed by every device yet
finding-gaps = { $count } gaps in logs; they close when a device that has the rest is met
finding-disk-reserve = { $room ->
    [own] only { $free } MiB are free on the disk, less than the { $reserve } kept in reserve: what other devices send is not taken in for now
    [acts] only { $free } MiB are free on the disk: nothing is written but authority and keys. Free some space
   *[other] only { $free } MiB are free on the disk: nothing is written any more. Free some space
 }
finding-intake-delayed = { $reason ->
    [generations] { $label } opens one log after the other: they are taken in one by one ({ $count } runs put off)
   *[other] { $label } sends more than a day brings: the rest is taken in bit by bit ({ $count } runs put off)
 }
finding-forks = { $count } runs were refused: their device signed more histories than are kept
finding-forked = { $label } signed two histories of its { $what ->
    [acts] acts
   *[data] data
} from entry { $seq } on (a disk image put back, or two copies in use): { $branches } branches, { $entries } entries that do not all count. See muster log --refused; to count them: muster adopt "{ $label }"
finding-forked-here = this device signed two histories of its { $what ->
    [acts] acts
   *[data] data
} from entry { $seq } on (a disk image put back, or two copies in use): { $branches } branches, { $entries } entries that do not all count. It writes in new logs since. If a copy is in use, one of the two must stop: muster wipe there. To count them, somebody else says: muster adopt "{ $label }"
finding-void-proofs = { $count } acts say that a device signed two histories, and do not show it; they have no effect
finding-no-grant = this device has no valid grant: it can write nothing. Was it revoked? See muster devices
finding-own-time-over = this device's time was up on { $at }: it gets no new keys and admits nobody. What it writes counts. A coordinator renews it: muster grant DEVICE --expires TIME
finding-time-over = the time of these devices is up, they get no new keys: { $labels }. To renew: muster grant DEVICE --expires TIME
finding-acts-kept = { $count } acts are kept (fields of the incident); this version does not act on them yet
finding-no-network = the daemon runs without a network
finding-locked = { $data } is locked: nothing is read or met until muster unlock
finding-nobody-met = nobody is met yet; { $heard } heard of. Same Wi-Fi? Access points may isolate their clients: try --peer
finding-no-interface = no network is up: no Wi-Fi, no cable. Beacons go nowhere
finding-nobody-heard = { $sent } beacons sent, none heard: nobody is near, or the access point keeps its clients apart. Next: another network, a cable, or daemon --peer ADDRESS
finding-heard-not-reached = { $count } devices are heard and cannot be connected with: the access point keeps its clients apart, or a firewall is in the way
finding-other-incident-near = Musters of another incident are near ({ $count } beacons), or this device missed several renewals of the secret: then a bundle brings the news
finding-other-version-near = Musters of another version are near ({ $count } beacons): compare muster --version
finding-strangers = { $count } strangers on the network were turned away
finding-clock = the clock of { $label } is { $amount } { $unit ->
    [minutes] minutes
    [hours] hours
   *[days] days
} { $way ->
    [ahead] ahead of
   *[behind] behind
} this one: times it writes are off by as much, and nothing else is
finding-own-clock = the clock of this device is { $amount } { $unit ->
    [minutes] minutes
    [hours] hours
   *[days] days
} { $way ->
    [ahead] ahead of
   *[behind] behind
} all others that were met: set it
finding-same-device = another device has this device's own key: its data directory was copied, and both are in use ({ $count }). One of the two must stop: muster wipe there, and admit that device anew
finding-generation-renewed = { $reason ->
    [moved] this data directory came from another machine
    [restored] an older copy of this data directory was put back
   *[copied] this data directory is a copy, or was restored from one
 }; it writes in new logs since, so that nothing is signed twice. If the other one is still in use, one of the two must stop: muster wipe there, and admit that device anew
finding-generation-doubt = { $reason ->
    [moved] this data directory comes from another machine
    [restored] an older copy of this data directory was put back
   *[copied] this data directory is a copy, or was restored from one
 }; its next start will write in new logs. Never run two copies: join the other device as its own
finding-anchor-trouble = nothing outside the data directory can vouch for it ({ $why }): a restored older copy may go unnoticed until it meets another device
finding-journal-sound = the journal is sound: { $entries } entries
finding-journal-damaged = the journal is damaged: { $why }. Next: muster repair --yes
finding-daemon-down = no daemon runs on { $data }. Next: muster --data { $data } daemon
finding-data-unusable = the data directory cannot be used: { $why }
finding-unlock-method = it is unlocked by { $method }
finding-cannot-unlock = it does not unlock: { $why }
finding-waiting-for-answer = this device asked to join and has no answer yet: muster join --answer FILE
finding-device = this device is { $device }
finding-no-device = no incident was started or joined here: muster init, or muster join

demo-start = Demo: everything happens in { $dir } and is gone afterwards.
demo-step = { $n }. { $what }
demo-form = An incident with three devices: gym (headquarters), camp (coordinator), van (relay)
demo-daemons = Three daemons run and find each other ({ $how })
demo-how-multicast = by multicast
demo-how-address = by address: multicast does not work on this machine
demo-load = { $count } objects of an invented operation are loaded at the gym; the camp has them too
demo-cut = The network is cut: two islands
demo-books = Both islands assign { $who } for the same hours, and both change one need
demo-join = The islands meet again
demo-conflicts = Nothing was overwritten. Both list the same { $count } conflicts:
demo-settle = The coordinator settles them
demo-bundle = The van carries a bundle to headquarters
demo-hq = Headquarters: { $entries } entries imported and verified, twice, nothing doubled
demo-digests = Digests: gym { $a }, camp { $b }, van's frontier { $c }: equal
demo-done = Done in { $seconds } s. Nothing is left behind.

error-other = It did not work: { $code }.
error-failed = It did not work: { $why }
error-no-daemon = No daemon answers on { $socket }.
hint-no-daemon = Next: muster --data { $data } daemon
error-connection-broken = The connection to the daemon broke: { $why }
error-bad-answer = The daemon's answer cannot be read: { $why }
error-stopping = The daemon is stopping.
error-stop-timeout = The daemon was told to stop, and still holds { $path } after { $seconds } s.
hint-stop-timeout = It is writing what it has. Wait for it: muster status says when no daemon answers any more.
error-cannot-read = { $path } cannot be read: { $why }
error-cannot-write = { $path } cannot be written: { $why }
error-file-exists = { $path } is there already; nothing was changed.
hint-file-exists = Give another name, or move the file away.
error-recovery-unfinished = { $path } is there already. An init was cut short here: if it wrote the file, the file opens nothing.
hint-recovery-unfinished = Move it away, or name another by --recovery-out, and run the same again.
error-config-wrong = Setting in { $path }: { $why }
error-passphrase-empty = The first line of { $path } is empty.
error-label-empty = A device needs a name.
error-label-too-long = At most { $limit } bytes.
error-code-wrong = A device code has 1 to 8 letters or digits.
error-threshold-wrong = { $threshold } of { $roots } roots cannot be asked for.
error-too-many-recovery-files = More recovery files than the { $roots } roots.
error-missing-argument = { $name } is missing.
error-no-such-verb = There is no verb { $verb }.
error-nothing-to-change = Nothing to change: give a field, such as --status met.
error-nothing-to-add = Nothing to save: give at least one field; see muster { $verb } --help.
error-set-wrong = { $given } is not FIELD=VALUE.
error-json-wrong = { $path } is not a JSON object of fields: { $why }
error-needs-yes = muster { $verb } changes files for good; say --yes.
error-locked = The data directory is locked.
hint-locked = Next: muster unlock
error-lock-timeout = The daemon did not get there within { $seconds } s.
error-needs-passphrase = A passphrase opens this directory, and nobody is at a terminal to be asked.
hint-needs-passphrase = Give --passphrase-file.
error-needs-key-file = A key file kept elsewhere opens this directory.
hint-needs-key-file = Give --key-file.
error-nothing-given = Nothing was given.
error-bad-request = The question is not well formed.
error-not-wiped = Nothing was destroyed: the name typed is another one.
error-wipe-failed = Not everything could be destroyed: { $why }
hint-wipe-failed = Run it again; what was overwritten stays so.
error-disk-reserve = Too little room on the disk: nothing is written here for now but what goes before.
hint-disk-reserve = Free some space: it goes on by itself. See muster status; the reserve is set by [disk] reserve.
error-size-wrong = “{ $given }” is no size ({ $origin }): 512M, 2G, off, or auto.
error-duration-wrong = “{ $given }” is no duration ({ $origin }): 90s, 15m, 2h, or off.
error-daemon-failed = The daemon stopped: { $why }
error-data-locked = { $why }
hint-data-locked = A daemon runs on it already: ask it with muster status, or stop it with muster stop.
error-data-not-ours = { $why }
hint-data-not-ours = Start one with muster init, or ask to join with muster join --request-out FILE.
error-data-not-empty = { $why }
error-data-exists = { $why }
hint-data-exists = One data directory is one device in one incident: give another with --data.
error-data-other-format = { $why }
error-cannot-unlock = { $why }
hint-cannot-unlock = Give --passphrase-file or --key-file, as when it was made.
error-journal-damaged = { $why }
hint-journal-damaged = Copy the directory first, then: muster repair --yes
error-disk-full = The disk is full: { $why }
hint-disk-full = Nothing was lost that had been saved. Free some space and start the daemon again.
error-no-device = { $why }
hint-no-device = Start an incident with muster init, or ask to join with muster join --request-out FILE.
error-not-joined = { $why }
hint-not-joined = Next: muster join --answer FILE
error-already-member = { $why }
error-not-admitted = This device is not admitted: { $why }
error-pairing-refused = { $why }
error-no-key = { $why }
hint-no-key = A coordinator or headquarters can write it, or admit this device with the role that may.
error-entry-too-long = { $why }
error-not-found = { $given }: no { $kind } of that number, id or name is known here.
hint-not-found = Try: muster find { $given }
error-ambiguous = { $given } may be any of: { $candidates }
error-no-such-kind = There is no kind { $kind }.
error-no-such-field = A { $kind } has no field { $given }.
error-bad-value = { $field }: { $given } is not accepted. Accepted: { $accepted }
error-bad-value-other = { $field }: { $why }
error-erased = { $why }
error-may-not-erase = Coordinators and headquarters erase; this device is { $own }.
hint-may-not-erase = Ask one of them: muster devices
error-wrong-kind = { $why }
error-write-refused = { $why }
error-field-not-permitted = { $field } may be written by { $least } and above; this device is { $role }.
error-no-such-role = There is no role { $given }.
error-role-not-permitted = A { $own } may not admit a { $role }.
error-too-deep = This device is too far from the founder to admit others.
error-own-time-over = This device's time was up on { $at }: it gets no new keys, and cannot hand on what it does not get.
hint-own-time-over = A coordinator renews it: muster grant DEVICE --expires TIME
error-expires-past = { $given } has passed already.
hint-expires-past = To end a membership now: muster revoke DEVICE
error-role-needed = { $given } is no member: say which role it is to have.
hint-role-needed = --role hq, coordinator, lead, volunteer or relay
error-already-admitted = { $label } is admitted already.
hint-already-admitted = To give it another role: muster grant DEVICE --role ROLE
error-revoked-here = This device is no member any more: { $by } has revoked it. { $why }
hint-revoked-here = What it wrote before stands. To be taken back in: somebody as senior runs muster grant DEVICE --role ROLE
error-already-ended = { $label } is out already: nothing is left to revoke.
hint-already-ended = See who ended it, and who has heard: muster devices
error-may-not-end = { $label } is { $role }; a { $own } may end only its own grant and, from lead up, those of equals and below.
hint-may-not-end = Ask somebody at least as senior. If that is headquarters itself: muster recover, with the recovery files.
error-too-many-logs = The device has more than { $limit } logs: one act cannot name them all.
error-ended-by-senior = { $label } was ended by { $role }: only they, or somebody more senior, take it back in.
hint-ended-by-senior = Where equals have ended one another, somebody more senior decides; above headquarters these are the roots: muster recover.
error-may-not-adopt = Only coordinators and headquarters adopt entries.
error-adopt-own = Nobody adopts what their own device wrote.
hint-adopt-own = A coordinator or headquarters can, on another device: muster adopt, with the name of this one
error-nothing-disputed = { $label }: nothing that is here, and was asked for, is disputed.
hint-nothing-disputed = See what does not count: muster log --refused
error-may-not-raise = Only headquarters raises allowances; this device is { $own }.
error-allowance-not-higher = It is { $now } already; { $given } would not be more.
error-may-not-rotate = Only coordinators and headquarters make new keys; this device is { $own }.
error-no-such-class = There is no class { $given }: C1, C2 or C3.
error-root-act-refused = The daemon did not take the act: it is not of this incident, or not one of the roots.
error-too-few-roots = Too few roots: { $threshold } different recovery files are needed.
error-root-act-file = { $path } holds no act of the roots: { $why }
hint-too-few-roots = Give each with its own --recovery. The same file twice counts once.
error-recovery-passphrases = { $files } recovery files and { $given } passphrase files: give one for each, in the same order, or none to be asked.
error-cannot-ask-passphrase = Nobody can be asked for the passphrase here.
hint-cannot-ask-passphrase = Give each in a file: --recovery-passphrase-file FILE, in the order of --recovery.
error-recovery-closed = { $path }: { $why }
hint-recovery-closed = Its passphrase was shown once, by muster init: ten words with hyphens between.
error-not-a-root = { $path } opens, and holds no root of { $incident }.
error-cannot-ask = This would be asked first, and nobody can be asked here; nothing was done.
hint-cannot-ask = See what would follow: muster revoke { $device } --dry-run. To do it: --yes
error-cannot-ask-erase = This would be asked first, and nobody can be asked here; nothing was done.
hint-cannot-ask-erase = See what would go: muster { $verb } { $id } --dry-run. To do it: --yes
error-not-confirmed = Nothing was done.
error-pair-code-unreadable = This is no code: { $why }.
hint-pair-code-unreadable = It has three groups of four letters and digits, such as 7K4M-Q2XD-9R3T.
error-pair-life = A code lives from { $least } to { $most } seconds.
error-pair-no-network = This daemon has no network, or keeps silent.
hint-pair-no-network = Without a network: muster join --request-out FILE on the other device, then muster admit --request FILE.
error-pair-waiting = { $label } waits for you to compare the words.
hint-pair-waiting = muster devices shows them; then muster admit DEVICE, or muster invite --end.
error-pair-nobody-waits = No device { $given } waits to be admitted.
hint-pair-nobody-waits = muster devices shows who waits; muster invite --role ROLE invites.
error-pair-nobody = No device that invites was found.
hint-pair-nobody = Is muster invite running there, on the same network? With its address: --peer /ip4/ADDRESS/tcp/PORT.
error-pair-no-invitation = A device that invites was found, but it does not know this code.
hint-pair-no-invitation = Compare the code with the screen there, letter by letter.
error-pair-wrong-code = The code is wrong. Tries left: { $left }
error-pair-burned = The code was tried wrongly too often; nobody can use it any more.
hint-pair-burned = A new one: muster invite
error-pair-used = The code was used already; each is good for one device, once.
hint-pair-used = A new one: muster invite. If you did not use it, somebody else has: tell the person who invites.
error-pair-expired = The code has expired.
hint-pair-expired = A new one: muster invite
error-pair-declined = Not paired: the person at the other device said that the words differ.
hint-pair-declined = If they do, somebody may stand between the two devices. Try on another network, or pair by files.
error-pair-declined-here = Not paired: you said that the words differ.
hint-pair-declined-here = If they do, somebody may stand between the two devices. Try on another network, or pair by files.
error-pair-withdrawn = The invitation was withdrawn.
error-pair-timed-out = Nobody said in time that the words are the same.
error-pair-broken = The other device said something that has no place in pairing.
error-pair-version = The other device speaks another version of pairing.
hint-pair-version = The same version of muster on both, or pair by files.
error-pair-commitment = Stopped: the other device did not keep to the key it had committed to. Somebody stands in between.
hint-pair-commitment = Do not go on on this network. Pair by files, or by another link.
error-pair-impostor = Stopped: a device answered to the code that did not make it. Somebody stands in between.
hint-pair-impostor = Do not go on on this network. Pair by files, or by another link.
error-pair-request = The request is not signed by the device it names.
error-pair-not-admitted = The other device could not admit this one; its screen says why.
error-pair-gone = The connection ended before pairing was done.
hint-pair-gone = A new code: muster invite
error-pair-other = The other device refused, for a reason that this version does not know.
error-pair-answer-lost = { $label } is admitted, but its keys did not arrive.
hint-pair-answer-lost = Invite it again with the same role: it gets the same keys.
error-no-such-slot = The task has no slot { $given }. Slots: { $slots }
error-no-such-thread = There is no thread { $given }. Threads: { $threads }
error-rule-refused = The repetition is not taken: { $why }
error-no-coordinates = No site has coordinates that may be drawn.
error-no-such-form = There is no form { $form }. Forms: { $forms }
error-print-of-what = Say what { $form } is of: { $kind }.
error-alert-wrong = { $path } cannot be taken as an alert: { $why }
error-assignment-impossible = This cannot be assigned: { $reasons }
error-assignment-unsafe = Not assigned: a safety rule forbids it ({ $reasons }).
error-assignment-warned = Not assigned: { $reasons }.
error-arrival-unsafe = Not checked in: a safety rule forbids it ({ $reasons }).
error-arrival-warned = Not checked in: { $reasons }.
hint-arrival-warned = If they shall begin all the same: --override "the reason", kept for ever.
hint-assignment-warned = If it shall be all the same: --override "the reason", kept for ever.
error-status-impossible = The assignment is { $from }; it cannot become { $to }.
error-not-to-be-asked = { $given } has stood down or left, and is asked for nothing.
error-merge-not-permitted = Only coordinators and headquarters join and part; this device is a { $role }.
error-already-joined = { $given } is joined with it already.
error-nothing-joined = { $given } is joined with nothing.
error-no-place = { $given } has no place on the map.
error-already-in = { $person } is in since { $since }.
hint-already-in = Check out first: muster checkout
error-not-in = { $person } is not checked in.
hint-not-in = If the check-in was forgotten: muster checkin PERSON --at TIME, then check out.
error-no-such-conflict = There is no conflict { $given }.
hint-no-such-conflict = See: muster conflicts
error-ambiguous-conflict = { $given } begins more than one conflict's id.
error-no-such-choice = There are { $there } values to choose from.
error-choose-one = Choose one of the values listed: --choose A
error-settle-not-permitted = A { $role } may not settle conflicts.
error-no-network = The daemon runs without a network.
error-address-wrong = { $given } is not an address: { $why }
error-nobody-met = Nobody was met in { $seconds } s.
hint-nobody-met = See muster doctor; or give an address: muster sync /ip4/10.0.0.2/tcp/4001
error-sync-timeout = Not everybody met has the same entries after { $seconds } s.
error-not-yet = { $what } is not there yet in this version.
error-map-wrong = Mapping file { $path }: { $why }
error-map-other-kind = The mapping file is for { $map }, not for { $kind }.
error-table-wrong = { $path }: { $why }
error-column-missing = The file has no column { $column }. It has: { $columns }
error-bundle-wrong = { $path }: { $why }
error-other-incident = { $path } is of another incident: { $theirs }.
error-hq-failed = Headquarters: { $why }
error-into-wrong = { $given }: give sqlite:FILE. PostgreSQL is not there yet in this version.
error-demo-failed = The demo failed at step { $step }: { $why }

verb-network = Keep radio silence, or meet peers again
arg-state = on or off
said-offline = No contacts until: muster network on
said-online = Peers are met again.
finding-offline = radio silence: no peers are met until muster network on

why-quote-open = a quote is not closed
why-row-unreadable = the row cannot be read
why-cell-count = { $found } cells where the header has { $header }
why-cell-too-long = a cell of { $len } bytes; the most is { $most }
why-not-text = not UTF-8 text; name the encoding in the mapping file
why-key-empty = the key is empty
why-not-a-coordinate = "{ $given }" is not a coordinate; give decimal degrees
why-bad-value = { $given } is not accepted. Accepted: { $accepted }

accepted-text = text, at most 16 KiB
accepted-long-text = text, at most 16 KiB
accepted-phone = a telephone number
accepted-email = a mail address
accepted-number = a number such as N-GYM-12
accepted-integer = a whole number from { $low } to { $high }
accepted-decimal = a number, with at most 9 decimals
accepted-boolean = yes or no
accepted-time = a time such as 2026-11-24T14:30 or 24/11/2026 14:30
accepted-date = a day such as 2026-11-24 or 24/11/2026
accepted-window = two times with a slash between, one of which may be missing
accepted-hours = days and hours such as mon,tue 08:00-17:00
accepted-language = a language tag such as fr, ht or ar
accepted-place = latitude, longitude in degrees, such as 18.54,-72.34; a name may follow
accepted-reference = a number, an id, or the beginning of an id
accepted-element = the id of an element
accepted-group = members such as item=blanket; quantity=20, or -ELEMENT to remove one

arg-load = Load it into this device instead of printing it
said-loaded = { $count } invented objects are loaded.

error-only-own = A volunteer's device acts for its own person only.
hint-only-own = A lead or coordinator can do it.
error-out-before-in = The departure would be before the arrival ({ $in }).
error-to-before-from = The end would be before the beginning.
error-after-not-listed = { $given } is not in this list, so nothing can come after it.
error-title-sensitive = The need is sensitive: its title is not for everyone who reads tasks.
hint-title-sensitive = Give the task a title of its own: --title
error-not-understood = The daemon did not understand the question ({ $why }): it is of another version, or the question was too long.
error-usage = The command line is not right: { $why }
finding-network-dead = the network has stopped by a fault: restart the daemon
said-nothing-remembered = Nothing is remembered of that device: everything is written.
