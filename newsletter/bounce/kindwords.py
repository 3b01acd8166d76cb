"""By what words bounces, answers by machines and requests for proof are known. Data alone."""

from __future__ import annotations

import re

DAEMON = re.compile(
    r"mailer[-_. ]?daemon|mail[-_. ]?daemon|post[-_]?master|mdaemon|mail deliver|delivery (?:sub)?system|"
    r"system administrator|"
    r"mail system|mail(?:er)?[ -]?admin|microsoft exchange|microsoftexchange|\bbounces?[+@-]|double-bounce|"
    r"mail administrator|"
    r"mmdf|uucp|mailsystem|nondelivery|returned mail|internet mail delivery|mail transfer|undeliver|smtp(?:32|"
    r" gateway| server)|mta\b|"
    r"administrateur syst|systemadministrator|administrador del sistema|amministratore di sistema|maildelivery|"
    r"mail-?router|emailsystem|e-mail system|<>\s*$",
    re.I,
)
FAILURE_SUBJECT = re.compile(
    r"(?:could|can) ?not be (?:sent|deliver)|undeliver|un-deliver|non-?deliver|not deliver|failure notice|"
    r"return(?:ed|ing) (?:mail|to sender|message|e-?mail)|"
    r"deliver\w* (?:status|fail|problem|error|report|notif|delay|warn|unsuccess|has|incomplete|temporar|attempt)|"
    r"(?:mail|message|e-?mail) (?:deliver|system error|status|could not|not sent|failure|error|returned|undeliv|"
    r"rejected|fail|bounce|has been)|"
    r"could not (?:send|deliver)|cannot (?:send|deliver)|unable to deliver|failed (?:mail|deliver|message)|"
    r"^error|rejected|warning:? |nondeliver|bounced?\b|"
    r"permanent (?:delivery )?(?:fail|error)|unknown (?:user|recipient|address)|user unknown|no such user|"
    r"mail failed|mailbox|quota|"
    r"non[ -]?remis|non distribu|échec|echec|retour|non délivr|impossible de remettre|unzustellbar|"
    r"fehlgeschlagen|nicht zugestellt|zustell\w* fehl|rückläufer|"
    r"no se (?:puede|pudo|ha)|no entregad|devuelto|error de entrega|non recapit|mancat[ao] (?:recapit|consegn)|"
    r"impossibile recapit|não entreg|nao entreg|falha|não é possível entregar|devolvid|"
    r"onbestelbaar|niet (?:be|af)gelever|niet te bezorgen|nie (?:dostarcz|można)|niedoręcz|zwrot|недостав|"
    r"не доставлен|невозможно|ошибка|возврат|配信|送信|エラー|退信|退回|无法|失败|系统退信|전송|반송|"
    r"olevererbart|kan inte|ikke levere|"
    r"kunne ikke|nedoručit|teslim",
    re.I,
)
FAILURE_WORDS = re.compile(
    r"(?:could|can|would|was|were|has|have|did|is|are|will)(?: ?not|n't|n´t)(?: \w+){0,4}? (?:deliver|sent|send|"
    r"reach|process|accept|forward|relay|complet|be made)|"
    r"undeliver|un-?able to (?:be )?(?:deliver|send|relay|forward|process)|not able to (?:deliver|be deliver)|"
    r"wasn't able to deliver|deliver\w* (?:[\w:,<>@.-]+ ){0,12}?(?:has |have |was |is )?(?:fail|unsuccess|delay|"
    r"impossible|not possible|error|problem|abort)|"
    r"fail\w* (?:to )?(?:deliver|address|recipient|permanently)|permanent (?:fatal )?error|fatal error|"
    r"following (?:address|recipient|user|destination|error)|returned (?:to sender|mail|for|undeliv|as|unread|"
    r"message)|(?:message|mail|e-?mail) (?:\S+ ){0,6}?(?:was|has been|is|been|being) (?:rejected|returned|"
    r"refused|blocked|bounced|delayed|not deliver|deleted|quarantin)|"
    r"(?:user|recipient|mailbox|account|host|domain)\S* (?:\S+ ){0,4}?(?:unknown|does not exist|not found|"
    r"is full|unavailable|over quota|disabled|invalid)|(?:unknown|no such|invalid) (?:\w+ )?(?:user|recipient|"
    r"mailbox|address|host|domain)|"
    r"transcript of session|remote host said|said: ?[45]\d\d|^\W*(?:<<<|>>>) |\b55[0-4][ -]\d?|\b[45]\.\d\.\d+\b|"
    r"non-?deliver|rejected by|refused by|we were unable|have been unable|did not reach|mail(?:er)? error|"
    r"over quota|quota exceeded|giving up|given up|"
    r"n'a pas pu|n'a (?:pas )?(?:été|ete) (?:remis|délivr|distribu)|n'ont pas|impossible de|pas (?:été|ete|pu) |"
    r"échec|konnte nicht|nicht zugestellt|unzustellbar|fehlgeschlagen|konnte\w* (?:\S+ ){0,8}nicht|"
    r"no se (?:ha )?(?:pudo|puede|podido|entreg)|no fue (?:posible|entregad)|non (?:è|e'|e) stat|impossibile|"
    r"non recapit|não (?:foi|pôde|pode)|nao (?:foi|pode)|niet (?:worden )?(?:be|af)gelever|kon niet|"
    r"nie (?:został|może|można|udało)|не (?:доставл|удалось|может|было)|невозможно|できません|ませんでした|不能|"
    r"无法|失败|退回|不存在|못했|없",
    re.I | re.M,
)
DELAY = re.compile(
    r"attempts? will continue|will continue to (?:be )?(?:try|attempt|deliver|retry)|"
    r"deliver\w* (?:status notification \()?delay|delayed(?: mail| message)?|warning: (?:message|could not|mail)|"
    r"still (?:be |being )?(?:try|queued|attempt|undeliv|in the)|not (?:yet )?been delivered(?: yet| to)|"
    r"will (?:continue|keep) (?:to )?(?:be )?(?:try|retr|attempt)|will be (?:retried|attempted|resent)|"
    r"you do not need to (?:resend|re-send|do)|this is a warning|warning message only|no action is required|"
    r"retardé|verzögert|retras|continuera|could not send message for past|will try again|in ritardo|atras",
    re.I,
)
DELIVERED = re.compile(
    r"success\w*(?: \w+){0,2} (?:deliver|mail|relay)|(?:deliver\w*|mail|message|"
    r"e-?mail)(?: status notification)? \(?(?:success|relay|receipt)|(?<!not )(?:was|been|"
    r"were) (?:success\w* )?(?:delivered|relayed|displayed|read|opened)\b|return receipt|read(?:ing)? (?:receipt|"
    r"notif)|^(?:read|lu|gelesen|letto|leído|lida|delivered|relayed|displayed|remis|opened|not read|lues?|"
    r"expanded|deleted)\s?:|disposition notification|confirmation de lecture|accusé de (?:réception|lecture)|"
    r"lesebest|confirmación de lectura|conferma di lettura|empfangsbest|zustellbest|successful mail delivery",
    re.I,
)
AWAY = re.compile(
    r"out[- ]of[- ](?:the[- ])?office|\booo\b|automatic (?:reply|response|answer)|auto(?:matic|"
    r"mated)?[- ]?(?:reply|respon\w+|antwort|answer|resposta)|\bauto:|away (?:from|until|message)|on (?:vacation|"
    r"holiday|leave|annual)|vacation|holiday|absen[ct]\w*|annual leave|maternity|"
    r"réponse automatique|reponse automatique|message automatique|congés?\b|absen[ct]e? du bureau|hors du bureau|"
    r"je suis (?:actuellement )?(?:absent|en congé|en déplacement)|abwesenheit|abwesend|nicht im (?:büro|haus)|"
    r"urlaub|automatische (?:antwort|e-?mail)|fuera de (?:la )?oficina|respuesta automática|ausente|vacaciones|"
    r"fuori (?:ufficio|sede)|risposta automatica|assente|ferie|ausência|fora do escritório|férias|"
    r"resposta automática|afwezig|automatisch antwoord|buiten kantoor|poza biurem|autoodpowied|odpowied. automat|automatyczna odpowied|"
    r"nieobecn|urlop|автоответ|отпуск|отсутств|不在|自動(?:応答|返信)|自动回复|休假|부재|자동 ?응답",
    re.I,
)
THANKS = re.compile(
    r"(?:thank you|thanks) for (?:your |contacting|writing|e-?mailing|sending|getting)|(?:have|has|"
    r"been) received(?: your)?|we (?:will|shall|'ll) (?:get back|respond|reply|contact)|merci (?:de|"
    r"pour) (?:votre|nous)|avons bien reçu|accusons? réception|this is an? auto|no longer (?:work|employed|with|"
    r"monitored|in use|check)|changed? (?:my |his |her )?(?:e-?mail )?address|new (?:e-?mail )?address|"
    r"nouvelle adresse|do not reply to this|ticket|support request|will be back|i am (?:currently )?(?:out|away|"
    r"on)|i'm (?:out|away|on)",
    re.I,
)
CHALLENGE = re.compile(
    r"spam ?arrest|boxbe|bluebottle|challenge[- ]?(?:response|message)|(?:sender|address|e-?mail|human|"
    r"identity) (?:verification|confirmation|authentica\w+) (?:is )?(?:request|requir|need|by)|(?:verify|confirm|"
    r"prove|authenticate) (?:that )?(?:you|your(?:self| e-?mail| message| address| identity)|this (?:e-?mail|"
    r"message))[^.]{0,60}(?:human|person|real|deliver|not (?:a )?(?:spam|machine|robot|auto)|click|reply|legitimate)|"
    r"(?:anti-?spam uol|antispam uol|tira-?teima|mailinblack|vade ?retro challenge|choicemail|qurb|tmda|"
    r"active spam killer|knowspam|mailblocks|0spam|digiportal|earthlink.{0,40}(?:spamblocker|suspect)|"
    r"spamblocker|truemail|cleanmail|sendio|captcha)|(?:approved|allowed|safe) sender(?:s)? list|(?:guest ?list|"
    r"waiting list|pending (?:approval|confirmation|folder))|to (?:release|deliver) (?:your|this) (?:message|"
    r"e-?mail)[^.]{0,60}(?:click|reply|visit)|your (?:message|e-?mail)[^.]{0,80}(?:is being held|has been held|"
    r"held until|awaits?|waiting for (?:your|verif|confirm))|(?:click|cliquez|clique)[^.]{0,60}(?:authenti|"
    r"confirm|valid|verif)|autentica(?:r|ção) (?:o |do )?(?:remetente|envio)|m'authentifier",
    re.I,
)

DAEMON_ADDRESS = re.compile(
    r"(?:mailer[-_.]?daemon|mail[-_.]?daemon|post[-_]?master|mdaemon|microsoftexchange|mail\.?delivery|"
    r"mail-?delivery-?system|maildelivery|"
    r"mmdf|uucp|mailsystem|mail-?system|smtp|mta|double-bounce|bounces?|returned-?mail|mailadmin|"
    r"mail-?administrator|systemadmin\w*|"
    r"dsn|ndr|mail-?router|emailsystem|content-?filter|imss|mail-?gateway)(?:[-+._=][^@]*)?(?:@|$)",
    re.I,
)
MAILER_DAEMON = re.compile(
    r"(?:^|[\s<\"])(?:mailer[-_.]?daemon|mail[-_.]daemon|mail\.delivery\.system)\b(?:@|[>\s\"]|$)", re.I
)
ANSWERS = re.compile(r"\s*(?:re|aw|sv|res|antw|odp|vs|ynt)\s*(?:\[\d+\])?\s*:", re.I)
PROGRAM = re.compile(
    r"thunderbird|outlook(?! express server)|apple mail|iphone|ipad|mutt|roundcube|k-?9|"
    r"evolution|kmail|squirrel|horde|airmail|courrielleur|webmail|zimbra|gmail|claws|sylpheed|the bat|eudora|"
    r"lotus notes release",
    re.I,
)
GREETING = re.compile(
    r"(?:bonjour|bonsoir|salut|chers?|chères?|madame|monsieur|hello|hi|dear|good (?:morning|afternoon|evening)|"
    r"hallo|guten tag|liebe|sehr geehrte|hola|buenos|estimad|buongiorno|ciao|olá|bom dia|dzień dobry|witam|"
    r"здравствуйте|добрый|добрый день|你好|您好)\b(?![.!]? this is the)",
    re.I,
)
STATEMENT = re.compile(
    r"(?:message|mail|e-?mail|courriel|courrier|letter|nachricht|mensaje|correo|messaggio|mensagem|bericht|"
    r"wiadomo\S+|письмо|сообщение|メール|メッセージ|邮件|郵件)\b[^.:;]{0,160}?(?:not |n't|cannot|unable|"
    r"undeliver|failed|"
    r"rejected|returned|bounced|n'a pas|n'ont pas|impossible|nicht|no (?:se|ha|fue|pudo)|non (?:è|e'|ha|può)|não|"
    r"nao|niet|nie |не )|"
    r"(?:unable to|cannot|could not|couldn't|not able to|failed to|fail(?:ed|ure)?|impossible de|kann|konnte|"
    r"nie można|не удалось|no se (?:pudo|puede|ha podido)|impossibile)\b[^.:;]{0,60}?(?:deliver|send|remettre|"
    r"distribuer|livrer|zustell|dostarcz|доставить|entregar|recapitare|consegnare)[^.:;]{0,40}?(?:message|mail|"
    r"courriel|nachricht|wiadomo|письмо|mensaje|correo|messaggio)|"
    r"deliver\w* (?:to|of|has|failed|failure|status|notification)|non-?deliver|undeliverable|mail system|mailbox|"
    r"said: ?[45]\d\d|user unknown|unknown user|"
    r"échec de (?:la )?remise|remise à ces destinataires|(?:邮件|郵件|投递|退信|退回).{0,40}(?:失败|退回|退|无法)",
    re.I,
)
# What may follow it where no header says that a machine wrote: nothing, or the subject of what it answers.
WHOLE_OR_PREFIX = re.compile(r"\]|[\])!.\s\u00a0]*(?:$|[:：–—-]|\([^)]*\)\s*$)")
AWAY_PREFIX = re.compile(
    r"[\s\[(]*(?:automatic (?:reply|response)|auto(?:matic|mated)?[- ]?(?:reply|response|answer|responder)|auto(?=: )|"
    r"out[- ]of[- ](?:the[- ])?office|réponse automatique|reponse automatique|réponse d'absence|"
    r"message d'absence|absence du bureau|"
    r"automatische antwort|abwesenheits\w+|abwesend(?=: )|automatische abwesenheits\w+|respuesta automática|"
    r"fuera de (?:la )?oficina|ausente de la oficina|risposta automatica|fuori sede|resposta automática|"
    r"ausência temporária|automatisch antwoord|afwezig(?=: )|"
    r"autoodpowied\w+|odpowied\w+ automatyczna|автоответ\w*|автоматический ответ|自動応答|自动回复|자동 회신|"
    r"vacation (?:reply|response|auto)|autosvar|automaattinen|automatyczna odpowied\w*)(?:\b|\s|:|$)",
    re.I,
)
UNTIL = re.compile(
    r"\buntil\b|return|back (?:on|in|at)|jusqu|de retour|retour le|rentre|bis zum|zurück|hasta|regres|fino al|"
    r"rientr|até|volto|regresso|terug|do dnia|wracam|вернусь|戻り|までの",
    re.I,
)
MYSELF = re.compile(
    r"\b(?:je (?:suis|serai)|i am|i'm|i will be|i'll be|ich bin|estoy|sono|estou|ik ben|jestem|я )\b[^?]{0,300}$",
    re.I | re.S,
)
TO_BOUNCES = re.compile(
    r"[-+.](?:bounces?|admin|owner|errors?|request)\b|"
    r"\bbounces?[-+@]",
    re.I,
)  # where lists want bounces
