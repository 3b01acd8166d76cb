"""Whether a mail is an answer of a machine, and of which kind. Pure."""

from __future__ import annotations

import re
from functools import cached_property

from newsletter.bounce.mail import Part
from newsletter.bounce.prose import Prose

_DAEMON = re.compile(
    r"mailer[-_. ]?daemon|mail[-_. ]?daemon|post-?master|mdaemon|mail delivery|delivery (?:sub)?system|system administrator|"
    r"mail system|mail(?:er)?[ -]?admin|microsoft exchange|microsoftexchange|\bbounces?[+@-]|double-bounce|mail administrator|"
    r"mmdf|uucp|mailsystem|nondelivery|returned mail|internet mail delivery|mail transfer|undeliver|smtp(?:32| gateway| server)|mta\b|"
    r"administrateur syst|systemadministrator|administrador del sistema|amministratore di sistema|maildelivery|mail-?router|emailsystem|e-mail system|<>\s*$",
    re.I,
)
_FAILURE_SUBJECT = re.compile(
    r"undeliver|un-deliver|non-?deliver|not deliver|failure notice|return(?:ed|ing) (?:mail|to sender|message|e-?mail)|"
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
    r"success\w*(?: \w+){0,2} (?:deliver|mail|relay)|(?:deliver\w*|mail|message|e-?mail)(?: status notification)? \(?(?:success|relay|receipt)|(?:was|been|were) (?:success\w* )?(?:delivered|relayed|displayed|read|opened)\b|return receipt|read(?:ing)? (?:receipt|notif)|^(?:read|lu|gelesen|letto|leído|lida|delivered|relayed|displayed|remis|opened|not read|lues?|expanded|deleted)\s?:|disposition notification|confirmation de lecture|accusé de (?:réception|lecture)|lesebest|confirmación de lectura|conferma di lettura|empfangsbest|zustellbest|successful mail delivery",
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

_TO_BOUNCES = re.compile(
    r"[-+.](?:bounces?|admin|owner|errors?|request)\b|\bbounces?[-+@]", re.I
)  # where lists want bounces


class Signs:
    """What its headers and words say of a mail's kind. Each is looked for when it is asked for."""

    def __init__(self, mail: Part, prose: Prose) -> None:
        self.mail, self.prose = mail, prose
        self.subject = mail.first("subject")[:1000]
        self.words = " ".join(prose.own[:8000].split())

    @cached_property
    def from_a_daemon(self) -> bool:
        return bool(_DAEMON.search(self.mail.first("from")[:500]))

    @cached_property
    def from_a_server(self) -> bool:
        return self.from_a_daemon or self.empty_path

    @cached_property
    def from_mailer_daemon(self) -> bool:
        """By the name that nobody else bears."""
        return bool(re.search(r"mailer[-_. ]?daemon|mail delivery (?:sub)?system", self.mail.first("from")[:500], re.I))

    @cached_property
    def empty_path(self) -> bool:
        paths = self.mail.all("return-path")[:1] + self.mail.all("envelope-from") + self.mail.all("x-envelope-from")
        return any(path.strip() in ("<>", "< >") or _DAEMON.search(path) for path in paths)

    @cached_property
    def of_a_person(self) -> bool:
        """An answer or a forwarded mail, a list's mail, or one that carries a program's name for people."""
        headers = self.mail.headers
        if self.from_a_daemon:
            return False
        thread = any(
            name in headers for name in ("in-reply-to", "references", "x-mailer", "user-agent", "thread-index")
        )
        passed_on = bool(re.match(r"\s*(?:fwd?|tr|wg|rv|enc|doorst)\s*:", self.subject, re.I))
        if passed_on or (thread and re.match(r"\s*(?:re|aw|sv|res|antw|odp|vs)\s*(?:\[\d+\])?:", self.subject, re.I)):
            return True
        listed = any(name in headers for name in ("list-id", "list-post", "list-unsubscribe", "x-mailman-version"))
        return listed and not _TO_BOUNCES.search(self.mail.first("to")[:300])

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
            re.search(
                r"disposition:[^\n]*(?:automatic-action[^\n]*(?:deleted|denied)|failed)", self.prose.disposition, re.I
            )
            and re.search(
                r"automatically (?:rejected|refused)|\brejected|refused|quota|could not be delivered",
                f"{self.subject} {self.words[:600]}",
                re.I,
            )
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
        return (
            bool(
                re.search(
                    r"boxbe|spam ?arrest|bluebottle\.com|antispam|mailinblack|earthlink spam|sendio",
                    self.mail.first("from")[:300],
                    re.I,
                )
            )
            and self.challenge
        )

    @cached_property
    def challenge(self) -> bool:
        sender = self.mail.first("from")[:300]
        return bool(_CHALLENGE.search(sender) or _CHALLENGE.search(self.subject) or _CHALLENGE.search(self.words))

    @cached_property
    def answered_by_a_machine(self) -> bool:
        """By its headers (RFC 3834, and what came before it)."""
        headers = self.mail.headers
        auto = self.mail.first("auto-submitted").lower()
        precedence = self.mail.first("precedence").lower()
        named = (
            "x-autoreply",
            "x-autorespond",
            "x-autoresponder",
            "x-auto-reply",
            "x-auto-response",
            "x-mail-autoreply",
        )
        named += ("x-vacation", "x-autoreply-from", "autoreply")
        marked = any(name in headers and self.mail.first(name).lower() not in ("no", "none", "false") for name in named)
        return auto.startswith("auto-replied") or precedence in ("auto_reply", "auto-reply") or marked

    @cached_property
    def away(self) -> bool:
        """It says that somebody is away, in its subject or, where a machine wrote it, in its words."""
        machine = self.answered_by_a_machine or self.mail.first("auto-submitted").lower().startswith("auto")
        suppressed = "x-auto-response-suppress" in self.mail.headers
        if _AWAY.search(self.subject) and not self.of_a_person:
            return True
        if self.of_a_person and not self.answered_by_a_machine:
            return False
        # Nobody but machines writes with an empty return path; those that write on failures are not asked here.
        return (
            self.answered_by_a_machine
            or self.empty_path
            or ((suppressed or machine) and bool(_AWAY.search(self.words[:3000]) or _THANKS.search(self.words[:3000])))
        )
