"""Whether a mail is an answer of a machine, and of which kind. Pure."""

from __future__ import annotations

import re
from functools import cached_property

from newsletter.bounce.addresses import listed
from newsletter.bounce.mail import Part
from newsletter.bounce.prose import Prose

_DAEMON = re.compile(
    r"mailer[-_. ]?daemon|mail[-_. ]?daemon|post[-_]?master|mdaemon|mail deliver|delivery (?:sub)?system|system administrator|"
    r"mail system|mail(?:er)?[ -]?admin|microsoft exchange|microsoftexchange|\bbounces?[+@-]|double-bounce|mail administrator|"
    r"mmdf|uucp|mailsystem|nondelivery|returned mail|internet mail delivery|mail transfer|undeliver|smtp(?:32| gateway| server)|mta\b|"
    r"administrateur syst|systemadministrator|administrador del sistema|amministratore di sistema|maildelivery|mail-?router|emailsystem|e-mail system|<>\s*$",
    re.I,
)
_FAILURE_SUBJECT = re.compile(
    r"(?:could|can) ?not be (?:sent|deliver)|undeliver|un-deliver|non-?deliver|not deliver|failure notice|return(?:ed|ing) (?:mail|to sender|message|e-?mail)|"
    r"deliver\w* (?:status|fail|problem|error|report|notif|delay|warn|unsuccess|has|incomplete|temporar|attempt)|(?:mail|message|e-?mail) (?:deliver|system error|status|could not|not sent|failure|error|returned|undeliv|rejected|fail|bounce|has been)|"
    r"could not (?:send|deliver)|cannot (?:send|deliver)|unable to deliver|failed (?:mail|deliver|message)|^error|rejected|warning:? |nondeliver|bounced?\b|"
    r"permanent (?:delivery )?(?:fail|error)|unknown (?:user|recipient|address)|user unknown|no such user|mail failed|mailbox|quota|"
    r"non[ -]?remis|non distribu|échec|echec|retour|non délivr|impossible de remettre|unzustellbar|fehlgeschlagen|nicht zugestellt|zustell\w* fehl|rückläufer|"
    r"no se (?:puede|pudo|ha)|no entregad|devuelto|error de entrega|non recapit|mancat[ao] (?:recapit|consegn)|impossibile recapit|não entreg|nao entreg|falha|não é possível entregar|devolvid|"
    r"onbestelbaar|niet (?:be|af)gelever|niet te bezorgen|nie (?:dostarcz|można)|niedoręcz|zwrot|недостав|не доставлен|невозможно|ошибка|возврат|配信|送信|エラー|退信|退回|无法|失败|系统退信|전송|반송|olevererbart|kan inte|ikke levere|kunne ikke|nedoručit|teslim",
    re.I,
)
_FAILURE_WORDS = re.compile(
    r"(?:could|can|would|was|were|has|have|did|is|are|will)(?: ?not|n't|n´t)(?: \w+){0,4}? (?:deliver|sent|send|reach|process|accept|forward|relay|complet|be made)|"
    r"undeliver|un-?able to (?:be )?(?:deliver|send|relay|forward|process)|not able to (?:deliver|be deliver)|wasn't able to deliver|deliver\w* (?:[\w:,<>@.-]+ ){0,12}?(?:has |have |was |is )?(?:fail|unsuccess|delay|impossible|not possible|error|problem|abort)|"
    r"fail\w* (?:to )?(?:deliver|address|recipient|permanently)|permanent (?:fatal )?error|fatal error|following (?:address|recipient|user|destination|error)|returned (?:to sender|mail|for|undeliv|as|unread|message)|(?:message|mail|e-?mail) (?:\S+ ){0,6}?(?:was|has been|is|been|being) (?:rejected|returned|refused|blocked|bounced|delayed|not deliver|deleted|quarantin)|"
    r"(?:user|recipient|mailbox|account|host|domain)\S* (?:\S+ ){0,4}?(?:unknown|does not exist|not found|is full|unavailable|over quota|disabled|invalid)|(?:unknown|no such|invalid) (?:\w+ )?(?:user|recipient|mailbox|address|host|domain)|"
    r"transcript of session|remote host said|said: ?[45]\d\d|^\W*(?:<<<|>>>) |\b55[0-4][ -]\d?|\b[45]\.\d\.\d+\b|non-?deliver|rejected by|refused by|we were unable|have been unable|did not reach|mail(?:er)? error|over quota|quota exceeded|giving up|given up|"
    r"n'a pas pu|n'a (?:pas )?(?:été|ete) (?:remis|délivr|distribu)|n'ont pas|impossible de|pas (?:été|ete|pu) |échec|konnte nicht|nicht zugestellt|unzustellbar|fehlgeschlagen|konnte\w* (?:\S+ ){0,8}nicht|no se (?:ha )?(?:pudo|puede|podido|entreg)|no fue (?:posible|entregad)|non (?:è|e'|e) stat|impossibile|non recapit|não (?:foi|pôde|pode)|nao (?:foi|pode)|niet (?:worden )?(?:be|af)gelever|kon niet|nie (?:został|może|można|udało)|не (?:доставл|удалось|может|было)|невозможно|できません|ませんでした|不能|无法|失败|退回|不存在|못했|없",
    re.I | re.M,
)
_DELAY = re.compile(
    r"attempts? will continue|will continue to (?:be )?(?:try|attempt|deliver|retry)|deliver\w* (?:status notification \()?delay|delayed(?: mail| message)?|warning: (?:message|could not|mail)|still (?:be |being )?(?:try|queued|attempt|undeliv|in the)|not (?:yet )?been delivered(?: yet| to)|will (?:continue|keep) (?:to )?(?:be )?(?:try|retr|attempt)|will be (?:retried|attempted|resent)|you do not need to (?:resend|re-send|do)|this is a warning|warning message only|no action is required|retardé|verzögert|retras|continuera|could not send message for past|will try again|in ritardo|atras",
    re.I,
)
_DELIVERED = re.compile(
    r"success\w*(?: \w+){0,2} (?:deliver|mail|relay)|(?:deliver\w*|mail|message|e-?mail)(?: status notification)? \(?(?:success|relay|receipt)|(?<!not )(?:was|been|were) (?:success\w* )?(?:delivered|relayed|displayed|read|opened)\b|return receipt|read(?:ing)? (?:receipt|notif)|^(?:read|lu|gelesen|letto|leído|lida|delivered|relayed|displayed|remis|opened|not read|lues?|expanded|deleted)\s?:|disposition notification|confirmation de lecture|accusé de (?:réception|lecture)|lesebest|confirmación de lectura|conferma di lettura|empfangsbest|zustellbest|successful mail delivery",
    re.I,
)
_AWAY = re.compile(
    r"out[- ]of[- ](?:the[- ])?office|\booo\b|automatic (?:reply|response|answer)|auto(?:matic|mated)?[- ]?(?:reply|respon\w+|antwort|answer|resposta)|\bauto:|away (?:from|until|message)|on (?:vacation|holiday|leave|annual)|vacation|holiday|absen[ct]\w*|annual leave|maternity|"
    r"réponse automatique|reponse automatique|message automatique|congés?\b|absen[ct]e? du bureau|hors du bureau|je suis (?:actuellement )?(?:absent|en congé|en déplacement)|abwesenheit|abwesend|nicht im (?:büro|haus)|urlaub|automatische (?:antwort|e-?mail)|fuera de (?:la )?oficina|respuesta automática|ausente|vacaciones|"
    r"fuori (?:ufficio|sede)|risposta automatica|assente|ferie|ausência|fora do escritório|férias|resposta automática|afwezig|automatisch antwoord|buiten kantoor|poza biurem|autoodpowied|odpowied. automat|nieobecn|urlop|автоответ|отпуск|отсутств|不在|自動(?:応答|返信)|自动回复|休假|부재|자동 ?응답",
    re.I,
)
_THANKS = re.compile(
    r"(?:thank you|thanks) for (?:your |contacting|writing|e-?mailing|sending|getting)|(?:have|has|been) received(?: your)?|we (?:will|shall|'ll) (?:get back|respond|reply|contact)|merci (?:de|pour) (?:votre|nous)|avons bien reçu|accusons? réception|this is an? auto|no longer (?:work|employed|with|monitored|in use|check)|changed? (?:my |his |her )?(?:e-?mail )?address|new (?:e-?mail )?address|nouvelle adresse|do not reply to this|ticket|support request|will be back|i am (?:currently )?(?:out|away|on)|i'm (?:out|away|on)",
    re.I,
)
_CHALLENGE = re.compile(
    r"spam ?arrest|boxbe|bluebottle|challenge[- ]?(?:response|message)|(?:sender|address|e-?mail|human|identity) (?:verification|confirmation|authentica\w+) (?:is )?(?:request|requir|need|by)|(?:verify|confirm|prove|authenticate) (?:that )?(?:you|your(?:self| e-?mail| message| address| identity)|this (?:e-?mail|message))[^.]{0,60}(?:human|person|real|deliver|not (?:a )?(?:spam|machine|robot|auto)|click|reply|legitimate)|"
    r"(?:anti-?spam uol|antispam uol|tira-?teima|mailinblack|vade ?retro challenge|choicemail|qurb|tmda|active spam killer|knowspam|mailblocks|0spam|digiportal|earthlink.{0,40}(?:spamblocker|suspect)|spamblocker|truemail|cleanmail|sendio|captcha)|(?:approved|allowed|safe) sender(?:s)? list|(?:guest ?list|waiting list|pending (?:approval|confirmation|folder))|to (?:release|deliver) (?:your|this) (?:message|e-?mail)[^.]{0,60}(?:click|reply|visit)|your (?:message|e-?mail)[^.]{0,80}(?:is being held|has been held|held until|awaits?|waiting for (?:your|verif|confirm))|(?:click|cliquez|clique)[^.]{0,60}(?:authenti|confirm|valid|verif)|autentica(?:r|ção) (?:o |do )?(?:remetente|envio)|m'authentifier",
    re.I,
)

_DAEMON_ADDRESS = re.compile(
    r"(?:mailer[-_.]?daemon|mail[-_.]?daemon|post[-_]?master|mdaemon|microsoftexchange|mail\.?delivery|mail-?delivery-?system|maildelivery|"
    r"mmdf|uucp|mailsystem|mail-?system|smtp|mta|double-bounce|bounces?|returned-?mail|mailadmin|mail-?administrator|systemadmin\w*|"
    r"dsn|ndr|mail-?router|emailsystem|content-?filter|imss|mail-?gateway)(?:[-+._=][^@]*)?(?:@|$)",
    re.I,
)
_ANSWERS = re.compile(r"\s*(?:re|aw|sv|res|antw|odp|vs|ynt)\s*(?:\[\d+\])?\s*:", re.I)
_PROGRAM = re.compile(r"thunderbird|outlook(?! express server)|apple mail|iphone|ipad|mutt|roundcube|k-?9|evolution|kmail|squirrel|horde|airmail|courrielleur|webmail|zimbra|gmail|claws|sylpheed|the bat|eudora|lotus notes release", re.I)
_GREETING = re.compile(
    r"(?:bonjour|bonsoir|salut|chers?|chères?|madame|monsieur|hello|hi|dear|good (?:morning|afternoon|evening)|hallo|guten tag|liebe|sehr geehrte|hola|buenos|estimad|buongiorno|ciao|olá|bom dia|dzień dobry|witam|здравствуйте|добрый|добрый день|你好|您好)\b(?![.!]? this is the)",
    re.I,
)
_STATEMENT = re.compile(
    r"(?:message|mail|e-?mail|courriel|courrier|letter|nachricht|mensaje|correo|messaggio|mensagem|bericht|wiadomo\S+|письмо|сообщение|メール|メッセージ|邮件|郵件)\b[^.:;]{0,160}?(?:not |n't|cannot|unable|undeliver|failed|rejected|returned|bounced|n'a pas|n'ont pas|impossible|nicht|no (?:se|ha|fue|pudo)|non (?:è|e'|ha|può)|não|nao|niet|nie |не )|"
    r"(?:unable to|cannot|could not|couldn't|not able to|failed to|fail(?:ed|ure)?|impossible de|kann|konnte|nie można|не удалось|no se (?:pudo|puede|ha podido)|impossibile)\b[^.:;]{0,60}?(?:deliver|send|remettre|distribuer|livrer|zustell|dostarcz|доставить|entregar|recapitare|consegnare)[^.:;]{0,40}?(?:message|mail|courriel|nachricht|wiadomo|письмо|mensaje|correo|messaggio)|"
    r"deliver\w* (?:to|of|has|failed|failure|status|notification)|non-?deliver|undeliverable|mail system|mailbox|said: ?[45]\d\d|user unknown|unknown user|"
    r"échec de (?:la )?remise|remise à ces destinataires|(?:邮件|郵件|投递|退信|退回).{0,40}(?:失败|退回|退|无法)",
    re.I,
)
_AWAY_PREFIX = re.compile(
    r"\s*(?:automatic (?:reply|response)|auto(?:matic|mated)?[- ]?(?:reply|response|answer|responder)|auto: |out[- ]of[- ](?:the[- ])?office|réponse automatique|reponse automatique|réponse d'absence|message d'absence|absence du bureau|"
    r"automatische antwort|abwesenheits\w+|abwesend: |automatische abwesenheits\w+|respuesta automática|fuera de (?:la )?oficina|ausente de la oficina|risposta automatica|fuori sede|resposta automática|ausência temporária|automatisch antwoord|afwezig: |"
    r"autoodpowied\w+|odpowied\w+ automatyczna|автоответ\w*|автоматический ответ|自動応答|自动回复|자동 회신|vacation (?:reply|response|auto)|autosvar|automaattinen)(?:\b|\s|:|$)",
    re.I,
)
_UNTIL = re.compile(
    r"\buntil\b|return|back (?:on|in|at)|jusqu|de retour|retour le|rentre|bis zum|zurück|hasta|regres|fino al|rientr|até|volto|regresso|terug|do dnia|wracam|вернусь|戻り|までの",
    re.I,
)
_TO_BOUNCES = re.compile(r"[-+.](?:bounces?|admin|owner|errors?|request)\b|\bbounces?[-+@]", re.I)  # where lists want bounces


class Signs:
    """What its headers and words say of a mail's kind. Each is looked for when it is asked for."""

    def __init__(self, mail: Part, prose: Prose) -> None:
        self.mail, self.prose = mail, prose
        self.subject = mail.first("subject")[:1000]
        self.words = " ".join(prose.own[:8000].split())

    @cached_property
    def from_a_daemon(self) -> bool:
        """By its address; a name alone proves nothing, where people can give themselves any."""
        sender = self.mail.first("from")[:500]
        addresses = listed([sender])
        if addresses:
            return bool(_DAEMON_ADDRESS.match(addresses[0])) or (self.machine and bool(_DAEMON.search(sender)))
        return bool(_DAEMON.search(sender))

    @cached_property
    def from_mailer_daemon(self) -> bool:
        """By the address that nobody else bears."""
        sender = self.mail.first("from")[:500]
        return bool(re.search(r"(?:^|[\s<\"])(?:mailer[-_.]?daemon|mail[-_.]daemon|mail\.delivery\.system)\b(?:@|[>\s\"]|$)", sender, re.I)) and (
            self.from_a_daemon
        )

    @cached_property
    def from_a_server(self) -> bool:
        return self.from_a_daemon or self.empty_path

    @cached_property
    def empty_path(self) -> bool:
        """Nobody but machines writes with an empty return path (RFC 5321, 4.5.5)."""
        paths = self.mail.all("return-path")[:1] + self.mail.all("envelope-from") + self.mail.all("x-envelope-from")
        return any(path.strip() in ("<>", "< >") or _DAEMON_ADDRESS.match(path.strip("<> ")) for path in paths)

    @cached_property
    def machine(self) -> bool:
        return self.empty_path or self.mail.first("auto-submitted").lower().startswith("auto")

    @cached_property
    def of_a_person(self) -> bool:
        """An answer or a forwarded mail, or a list's."""
        headers = self.mail.headers
        if self.from_a_daemon:
            return False
        thread = any(name in headers for name in ("in-reply-to", "references", "x-mailer", "user-agent", "thread-index"))
        passed_on = bool(re.match(r"\s*(?:fwd?|tr|wg|rv|enc|doorst)\s*:", self.subject, re.I))
        if not self.machine and (passed_on or (thread and _ANSWERS.match(self.subject))):
            return True
        lists = any(name in headers for name in ("list-id", "list-post", "list-unsubscribe", "x-mailman-version"))
        return lists and not self.to_bounces

    @cached_property
    def to_bounces(self) -> bool:
        return bool(_TO_BOUNCES.search(self.mail.first("to")[:300]))

    @cached_property
    def by_hand(self) -> bool:
        """A program for people wrote it, or it greets."""
        program = f"{self.mail.first('user-agent')} {self.mail.first('x-mailer')}"
        return not self.machine and bool(_PROGRAM.search(program[:300]) or _GREETING.match(self.words))

    def weight(self, *, names_somebody: bool, has_original: bool) -> int:
        """How much speaks for a bounce, where no report says so."""
        weight = 3 if self.from_mailer_daemon else 2 if self.from_a_daemon else 0
        weight += 2 * self.empty_path + (self.machine and not self.empty_path) + self.failure_subject
        weight += self.failure_words + self.failure_statement + names_somebody + has_original + self.to_bounces
        weight -= not self.machine and not self.from_a_daemon
        weight -= 2 * self.by_hand + 2 * self.answered_by_rule + 3 * self.away_subject + 3 * self.of_a_person
        return weight

    @cached_property
    def failure_statement(self) -> bool:
        """It says it of a mail: shops say it of parcels."""
        return bool(_STATEMENT.search(self.words))

    @cached_property
    def failure_subject(self) -> bool:
        return bool(_FAILURE_SUBJECT.search(self.subject))

    @cached_property
    def failure_words(self) -> bool:
        return bool(_FAILURE_WORDS.search(self.prose.own[:12000])) or bool(_FAILURE_WORDS.search(self.words))

    @cached_property
    def refused_by_rule(self) -> bool:
        """A mailbox's own filter refused it, in the form of a report that it was opened (RFC 5429)."""
        return bool(
            re.search(r"disposition:[^\n]*(?:automatic-action[^\n]*(?:deleted|denied)|failed)", self.prose.disposition, re.I)
            and re.search(r"automatically (?:rejected|refused)|\brejected|refused|quota|could not be delivered", f"{self.subject} {self.words[:600]}", re.I)
        )

    @cached_property
    def delay(self) -> bool:
        """A warning that it is still tried."""
        return bool(_DELAY.search(self.subject) or _DELAY.search(self.words[:3000]))

    @cached_property
    def delivered(self) -> bool:
        return bool(_DELIVERED.search(self.subject) or (_DELIVERED.search(self.words[:1500])))

    @cached_property
    def asked_by_a_service(self) -> bool:
        """Whose only business it is to ask who writes."""
        return bool(re.search(r"boxbe|spam ?arrest|bluebottle\.com|antispam|mailinblack|earthlink spam|sendio", self.mail.first("from")[:300], re.I)) and self.challenge

    @cached_property
    def challenge(self) -> bool:
        sender = self.mail.first("from")[:300]
        return bool(_CHALLENGE.search(sender) or _CHALLENGE.search(self.subject) or _CHALLENGE.search(self.words))

    @cached_property
    def answered_by_rule(self) -> bool:
        """By headers that those set who answer for somebody (before RFC 3834)."""
        precedence = self.mail.first("precedence").lower()
        named = ("x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply", "x-auto-response", "x-mail-autoreply")
        named += ("x-vacation", "x-autoreply-from", "autoreply")
        marked = any(self.mail.first(name).lower() not in ("", "no", "none", "false") for name in named)
        return precedence in ("auto_reply", "auto-reply") or marked

    @cached_property
    def away_subject(self) -> bool:
        """As programs begin it."""
        return bool(_AWAY_PREFIX.match(self.subject))

    @cached_property
    def away(self) -> bool:
        """It says that somebody is away, or thanks for our mail, and a machine wrote it."""
        auto = self.mail.first("auto-submitted").lower()
        if self.answered_by_rule or auto.startswith("auto-replied"):
            return True
        if self.of_a_person:
            return False
        if self.empty_path or self.away_subject:
            return True
        about = bool(_AWAY.search(self.words[:3000]))
        if "x-auto-response-suppress" in self.mail.headers:
            return about or bool(_AWAY.search(self.subject) or _THANKS.search(self.words[:3000]))
        if auto.startswith("auto"):
            return bool(_AWAY.search(self.subject))
        stock = _AWAY.search(self.subject) and about and _UNTIL.search(self.words[:3000])
        return bool(stock and len(self.words) < 1500 and not _ANSWERS.match(self.subject) and not self.by_hand)
