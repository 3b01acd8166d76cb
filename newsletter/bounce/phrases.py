"""What servers say when they refuse a mail, and what they mean by it. Data alone: the first that matches counts.

The words come before the codes: 5.1.1 is given for full mailboxes and for spam, 5.7.1 for mailboxes that do not exist.
Read from servers' replies without their addresses and links, in small letters and in one line.
"""

from __future__ import annotations

import re

from newsletter.model.bounces import Reason

_BOX = r"(?:mail[- ]?box|account|user|recipient|mail ?drop|inbox|maildir|mail folder|e-?mail (?:address|account)|address|mailhost)"
_GAP = r"[^.;]{0,60}?"

# It is about us, who sent it, and not about the recipient, though it may speak of addresses that do not exist.
SENDER = (
    r"sender (?:address )?(?:rejected|verif|domain|not|unknown|denied|invalid|is (?:in)?valid)",
    r"(?:unknown|invalid|bad|forged|unresolvable) (?:envelope[- ])?sender",
    r"(?:could not|cannot|can't|unable to|failed to) (?:verify|resolve) (?:the |your |domain of )?(?:sender|return|mail from|envelope)",
    r"domain of sender|sender'?s? (?:domain|address|e-?mail)|mail from (?:address|domain|rejected|command)|in reply to mail from",
    r"return[- ]path (?:is|does|domain|address)|envelope from|verification failed for|callout verification failed",
    r"(?:reverse|ptr) (?:dns|record|lookup)|no ptr|rdns|dns ptr|helo|ehlo|fix reverse|client host rejected",
    r"(?:a|mx)(?: or (?:a|aaaa|mx))* (?:resource )?record.{0,40}(?:sender|from)|invalid dns mx",
)

FULL = (
    r"over ?(?:the )?(?:disk |storage |mail |maximum |allowed |its |their |his )*quota|overquota|quota ?perm|quota ?temp\b",
    r"quota (?:has been |is |was |would be |limit )*(?:exceed|reach|full|violat|exhaust)|exceed\w*" + _GAP + r"quota|out of quota",
    r"(?:disk|storage|mail|box|user|inbox|account)[' ]?s? quota|quota violation|quota_|not enough quota|quota error",
    _BOX + r"(?:'s)?(?: \S{1,60}){0,4} (?:is |are |was |has |now |currently |almost |too |be )*(?:over)?(?:full|too full|exceeded)\b",
    r"(?:full|overloaded|overflowing) (?:mail ?box|inbox|account|maildrop)|mail ?box ?full|box full|mailfolder is full|full$",
    r"(?:mail ?box|inbox|account|maildrop|folder)\S*" + _GAP + r"(?:exceed|(?:size|storage|space|message) limit|maximum (?:allowed )?size|too large|too big|reached)",
    r"exceed\w*" + _GAP + r"(?:storage|mail ?box|allocat|disk|max(?:imum)? number of messages|message limit|inbox)",
    r"(?:insufficient|not enough|no|lack of|out of)(?: \w+){0,2} (?:storage|space|disk)(?: \w+){0,5} (?:mail ?box|account|user|recipient)",
    r"(?:mail ?box|account|user|recipient|folder)\b" + _GAP + r"(?:insufficient|not enough|out of|no more|no) (?:disk |storage |free )?(?:space|storage)",
    r"(?:has|have) (?:too many|exceeded the) messages|storage (?:limit|quota|allocation|space)|no space left in|too many messages (?:in|on)",
    r"mailbox_?full|recipient.?s (?:mail)?box is (?:full|over)|5\.2\.2 (?:mailbox|over)|user (?:disk|mail) (?:full|limit)",
    r"(?:boite|boîte)(?: [\wà-ÿ'@.-]{1,60}){0,5} (?:pleine|saturee|saturée)|quota (?:de |du )?[\wà-ÿ' ]{0,40}(?:depass|dépass|atteint)|espace (?:disque )?insuffisant",
    r"(?:postfach|mailbox|konto|speicher\w*)" + _GAP + r"(?:voll|überschritten|ueberschritten|erschöpft)|kein speicherplatz",
    r"buz[oó]n" + _GAP + r"(?:llen|excedid)|bandeja" + _GAP + r"llena|(?:cuota|cota)" + _GAP + r"(?:excedid|superad)|casella" + _GAP + r"pien|spazio" + _GAP + r"esaurit",
    r"caixa" + _GAP + r"(?:cheia|lotada)|quota" + _GAP + r"excedid|postvak" + _GAP + r"vol|skrzynk\w+" + _GAP + r"(?:pełn|przepełn|przekrocz)|przekroczon\w+ (?:limit|rozmiar)",
    r"ящик\w*" + _GAP + r"(?:переполн|заполнен)|квот\w+" + _GAP + r"превыш|メールボックス.{0,30}(?:一杯|いっぱい|満杯|容量)|容量.{0,10}(?:超|オーバー)|邮箱.{0,10}(?:已满|满)|mailbox size limit",
)

TOO_BIG = (
    r"(?:message|mail|e-?mail|size|body|attachment\w*|data)\b" + _GAP + r"(?:too (?:big|large)|(?<!queue )too long|exceed\w*" + _GAP + r"(?:size|limit|maximum|max)|larger than)",
    r"too (?:big|large) (?:a )?(?:message|mail|for this)|(?:message|maximum|max|fixed|maxi) (?:message )?(?:file )?size|size limit|size exceed|exceeds (?:the )?(?:maximum|size|max\b)",
    r"message length exceeds|maximum length|oversized|resolver\.rst\.(?:send|recip)size|length limit|taille (?:maxi\w* )?(?:du|de|maxi)|zu gro(?:ß|ss)|trop (?:gros|volumineux|grand)",
    r"demasiado grande|troppo grande|too much data|data size",
)

INACTIVE = (
    _BOX + r"(?:'s)?(?: \S{1,80}){0,3}? (?:is |are |was |has |been |have |currently |now |already |either |no longer |not |temporarily )*"
    r"(?:in-?active|disabled|deactivated|suspended|closed|terminated|discontinued|expired|frozen|blocked due to inactivity|deleted|removed|cancell?ed|locked|blocked by admin|retired|decommissioned|abandoned|de-?activated|not active|unavailable due to inactivity|dormant|on hold|not activated)",
    r"\b(?:in-?active|disabled|deactivated|suspended|closed|frozen|expired|terminated|dormant|locked) (?:mail ?box|account|user|recipient|address|e-?mail)",
    r"(?:is|has been) (?:a )?(?:disabled|deactivated|discontinued|suspended|inactive)(?: or discontinued| mail ?box| account| user)?\b",
    r"(?:mail ?box|account|user|recipient|address)\w* (?:was |has )?not (?:been )?(?:logged|used|accessed)|(?:not|no) (?:been )?(?:logged|log) in|disabled ?user|not (?:yet )?activated",
    r"account (?:that you tried to reach )?is disabled|inactivity|disabled due to|disabled or discontinued|user_?disabled|account_?(?:disabled|inactive|suspended)|\[suspend\]",
    r"(?:boite|boîte|compte|adresse)\b" + _GAP + r"(?:desactiv|désactiv|suspendu|ferm|inactif|inactive|bloqu|resili|résili|clotur|clôtur|supprim)",
    r"(?:konto|postfach|mailbox|empfänger)" + _GAP + r"(?:deaktiviert|gesperrt|geschlossen|inaktiv)|(?:cuenta|buz[oó]n)" + _GAP + r"(?:desactivad|inactiv|suspendid|cancelad|deshabilitad)",
    r"(?:conta|caixa)" + _GAP + r"(?:desativad|inativ|suspens|cancelad|bloquead)|(?:konto|skrzynka)" + _GAP + r"(?:nieaktywn|zablokowan|wyłączon)|(?:casella|account)" + _GAP + r"(?:disattivat|disabilitat|sospes)",
    r"(?:ящик|аккаунт|почт\w+)" + _GAP + r"(?:заблокирован|отключ|неактив|удален|удалён)|message rejected: account inactive|mail ?box is (?:being )?frozen",
)

# Where these stand beside INACTIVE, the mailbox may come back.
TEMPORARILY = r"temporar\w+|tempor[aä]r|provisoire|momentan|try (?:again )?later|please retry|moment later|vorübergehend|under maintenance|(?<!not )being (?:moved|migrated)"

# A name that could not be looked up just now.
FOR_NOW = (r"dns soft error|host not found, try again|temporar\w+ (?:dns|lookup|name|resolution)|(?:name service|dns|name server)\b[^.;]{0,40}(?:try again|time ?out|servfail|temporar)",)

HOST = (
    r"(?:host|domain)(?: or domain)?(?: name)?(?: [^\s:;]{1,80}){0,4}? (?:not found|unknown|does(?:n't| not) exist|could not be (?:found|resolved)|not (?:be )?resolve|lookup fail|cannot be found|is invalid|(?:un)?resolvable)",
    r"(?:unknown|no such|invalid|bad|non-?existent|unresolvable|undefined|illegal) (?:host|domain|host/domain|host or domain|destination domain|mail (?:host|server)|recipient domain)|unrout(?:e)?able (?:mail )?domain|unknown mail host",
    r"nxdomain|null ?mx|domain\b" + _GAP + r"(?:accepts? no mail|does not accept (?:any )?(?:e-?)?mail|no(?:t)? (?:valid )?mx|has no (?:valid )?(?:mx|mail|a\b))|no (?:valid )?(?:mx|mail exchanger|mail server)\w*(?: records?| hosts?)?(?: for|\b)",
    r"couldn'?t find any host|could not find any host|no mx (?:or|record|for)|can'?t find (?:a )?(?:host|domain)|name server: host not found|non existent (?:host|domain)",
    r"all relevant mx records point to non-existent hosts|mx (?:record )?(?:points? to|is) (?:nowhere|\.|non-?existent)|dns (?:error|lookup)?:? ?(?:name error|non-?existent)|name or service not known|badly formed domain",
    r"domain (?:name )?not (?:found|registered)|(?:the )?domain \S{0,80} (?:doesn't|does not|n'existe)|domaine?\b" + _GAP + r"(?:n'existe pas|inexistant|inconnu|introuvable)|hôte inconnu|nombre de dominio|domäne.{0,30}(?:nicht|unbekannt)|mail server not found",
    r"(?:misspelled|mistyped) domain|unable to (?:find|resolve|look ?up)(?: \w+){0,4} (?:host|domain|mx)|domain name .{0,80}(?:couldn't|could not|can't) be found|host name lookup failure|unroutable mail domain|dns domain",
)

UNKNOWN = (
    r"(?:user|recipient|mail ?box|account|address|addressee|alias|username|local[- ]?part|person|customer|subscriber|mail ?drop|receiver|destination|inbox)(?:'s)?(?: \S{1,100}){0,5}? (?:is |was |are |are currently |currently |has |were |could |can |address )*(?:unknown|does(?:n'?t| ?n[o´]t)(?: currently)? (?:exists?|have)|do(?:n'?t| not) exists?|not (?:be )?(?:found|exist|known|recogni[sz]ed|listed|registered|valid|identified|located|here|a valid|a known|resolved|a (?:registered )?user|our customer)|cannot be found|could(?:n't| not) be found|non-?exist\w*|no longer (?:valid|exist\w*|at|with|here|in use|available|works?|active|used|on)|is invalid|invalid\b|not (?:an? )?(?:active|valid|existing|local))",
    r"\b(?:unknown|no such|invalid|non-?existent|unrecognized|undefined|unroute?able|illegal|unresolvable|not existing|nonexisting|no valid|not a valid|not a known|not known|unknow|bad|not a local|invalid final|invalid destination|not a working) (?:or (?:invalid|illegal|unknown|disabled|inactive|\w+) )?(?:local |virtual |e-?mail |mail |final |delivery |destination (?!host)|rcpt |ns )*(?:user\w*|recipient\w*|mail ?box|account|address\w*|alias\w*|local[- ]?part|person|people|addressee|rcpt|customer|name|destination(?! host)|mail ?drop|id\b|receiver|delivery)",
    r"no (?:valid |known |such |mail |local )*(?:mail ?box|user|account|recipient|person|address\w*|one|body)(?: \S{1,60}){0,3} (?:here|by that|with that|found|available|named|exists?|at this|in|on|for this|of that|called|known)|no mailbox|nosuch ?user|no such user|no recipients?$|nobody here",
    r"(?:user|userid|account|name|recipient|it|he|she|who) (?:is |was )?(?:not|isn'?t|isn´t) (?:known|listed|found|registered|recogni[sz]ed|on (?:this|our)|in (?:the|our|this)|here|local|exist|valid|one of|permitted on)|does(?:n't| not) (?:exist|have an? (?:\S+ )?(?:account|mailbox|email))|user-?unknown|is not a (?:known|valid|current|local|registered)|not our (?:customer|user)",
    r"(?:user|recipient|mailbox|address|account|person)[_ -]?(?:unknown|not[_ -]?found|invalid|does[_ -]not[_ -]exist|lookup failure)|unknownuser|invalid_?(?:recipient|mailbox)|bad[_ ](?:recipient|rcpt|address|destination)|recipnotfound|recipient ?not ?found|badrcptto|rcpt \S{0,80} does not exist",
    r"not in (?:our |the |my )?(?:rcpt|recipient|user|address|validrcptto|list|directory|local)|not listed in|user doesn't exist|unknown in (?:local|virtual|relay)|not have (?:an? )?(?:account|mailbox)|no (?:longer|more) (?:here|on (?:this )?server|with us|works? (?:here|for|at))|never logged on|user has (?:moved|left)|has left (?:the|our)|no mail ?box (?:here )?(?:by|named|with)",
    r"undeliverable address|unroute?able address|address (?:wasn't|was not|couldn't be|could not be) found|wasn't found at|address rejected: (?:unknown|undeliverable|not found|nonexist)|delivery to non-?existing|addressee unknown|unable to find (?:recipient|user|that)|couldn't find (?:the )?(?:recipient|user)|the email address you entered couldn't|mailbox (?:name )?(?:not found|not allowed|does)|mailbox .{0,80}unavailable or (?:access|not)",
    r"account that you tried to reach does not|tried to reach doesn|recipient (?:name )?is not recogni[sz]ed|recipient no longer|unknown (?:address|user|recipient)|5\.1\.1 (?:invalid|bad|unknown|no)|not a (?:user|mailbox|valid|known)|not an active address|not (?:exactly )?match|is not listed|user (?:is )?(?:invalid|undefined|unidentified)|name (?:is )?not (?:recogni[sz]ed|found)|not matched|not match any|ambiguous|dir(?:ectory)? lookup fail|not unique",
    r"(?:utilisateur|destinataire|adresse|boite|boîte|compte|usager|abonn\w)\b" + _GAP + r"(?:inconnu|inexistant|n'existe (?:pas|plus)|introuvable|invalide|non trouv|n est pas|n'est (?:pas|plus) (?:valide|connu)|pas connu)|n'est pas répertorié|n'est pas (?:listé|référencé)|n'a pas été trouvé|compte (?:de messagerie )?n'existe pas|aucun (?:utilisateur|destinataire)",
    r"(?:benutzer|empf(?:ä|ae)nger\w*|adresse|postfach|adressat|mailadresse|konto)\b" + _GAP + r"(?:unbekannt|nicht (?:gefunden|vorhanden|bekannt|existent|gültig)|existiert nicht|ungültig|nicht mehr)|unbekannter (?:empf|benutz|nutz)|nicht gefunden werden|kein benutzer",
    r"(?:usuario|destinatario|direcci[oó]n|buz[oó]n|cuenta|utente|indirizzo|casella|utilizador|destinat[aá]rio|endere[cç]o|usu[aá]rio|conta|caixa)\b" + _GAP + r"(?:desconocid|no (?:existe|encontrad|v[aá]lid|se (?:ha )?encontr)|inexist|inv[aá]lid|sconosciut|non (?:esiste|trovat|valid|riconosciut)|desconhecid|n[aã]o (?:existe|encontrad|foi encontrad|[eé] v[aá]lid))",
    r"(?:odbiorca|użytkownik|adres|skrzynka|konto)\w*" + _GAP + r"(?:nie istnieje|nieznan|(?:nie (?:został\w* )?znalezion|nie znaleziono)|niepoprawn)|nie znaleziono (?:adresata|odbiorcy|użytkownika)|brak (?:takiego )?(?:użytkownika|konta|odbiorcy)|nieznany (?:odbiorca|użytkownik)|(?:geadresseerde|gebruiker|adres|ontvanger)\b" + _GAP + r"(?:onbekend|bestaat niet|niet gevonden|ongeldig)",
    r"(?:пользовател|получател|адрес|ящик|абонент)\w*" + _GAP + r"(?:не (?:существует|найден|зарегистрирован)|неизвест|отсутствует|неверн)|нет такого (?:пользоват|адрес)|недействительн|такого .{0,20}нет|(?:宛先|ユーザ|あて先|アドレス|受信者).{0,30}(?:存在し|見つかり|不明|みつかり|ありません)|ディレクトリ.{0,12}ありません|(?:用户|收件人|邮箱|地址).{0,20}(?:不存在|未找到|无效)|(?:수신자|사용자).{0,30}(?:없|찾을)",
)

# Said by many for a mailbox that is not there, and by some for anything: after all that says more.
WEAKLY_UNKNOWN = (
    r"mail ?box (?:<?@>? )?(?:is |currently )*(?:unavailable|not available)|user (?:is )?(?:unavailable|not available|not allowed)|requested action not taken|invalid address|recipient (?:address )?rejected(?! *:? *(?:access|policy|denied|grey|try|temp|rate|too))|address (?:has been )?rejected$|recipient verify failed|recipient \S{0,80} ?rejected$|user rejected|bad destination mailbox|destination mailbox address invalid",
    r"(?:cannot|can't|could not|unable to) (?:deliver to|find|verify) (?:the )?(?:recipient|user|address|mailbox)|no (?:mailbox|account|recipient|user)\b|rcpt (?:to )?(?:rejected|invalid|failed)|delivery not authorized to unknown",
)
# With these a temporary reading is meant even of a mailbox that is not there.
AGAIN = r"try (?:again|later)|again later|temporar|please retry|retry later|réessay|ultérieurement|später"

THROTTLED = (
    r"gr[ea]y ?-?list|too (?:many|fast|quickly|much)(?! hops)|rate[- ]?limit|throttl|exceeded" + _GAP + r"(?:rate|connections|number of (?:connections|messages|recipients))|(?:rate|frequency|sending) (?:limit|exceed|control)|limit(?:ed|s)? (?:exceeded|reached)|temporar\w+ (?:deferred|rate|blocked|rejected)|deferred (?:due|for)|slow down|4\.7\.(?:0|650|28)|unusual(?:ly)? (?:rate|high)|concurrent|exceeded the limit|messages? per (?:hour|minute|day|second)|over rate|daily limit|receiving mail at a rate|user complaints|trop de (?:connexions|messages)|please (?:try again|retry) (?:in|after) \d",
)

CONTENT = (
    r"virus|malware|infect|phish|spam|junk|bulk e?-?mail|unsolicited|uce\b|ube\b|content (?:filter|reject|restrict|den)|(?:message|mail|e-?mail) (?:content|body|header\w*|appears|looks|contains|was (?:identified|classified|considered))|surbl|uribl|\burl|attachment|bayes|dspam|suspicious|bad header|illegal (?:char|header|8-?bit)|mime|bare (?:lf|cr)|profan|indésirable|banned|x-spam|score|filtered|message refused|advertis|inappropriate|hormel|eicar|trojan|no spam|lone cr|8-?bit data|malformed (?:message|header)|header\b" + _GAP + r"(?:missing|required|invalid)|missing (?:from|date|message-id)|5\.7\.1 content|message format",
)

LISTED = (
    r"spamhaus|spamcop|rbl\b|\bdnsbl|(?:block|black|deny) ?-?list|banned sending|your (?:ip|host|mail server|server)\b|\bspf\b|\bdkim\b|\bdmarc\b|reputation|senderscore|because the ip|envelope blocked|sender is (?:un|not )auth",
)

BLOCKED = (
    r"block(?:ed|ing|list)|black ?-?list|\bspf\b|\bdkim\b|\bdmarc\b|rbl\b|\bdnsbl|spamhaus|spamcop|barracuda|sorbs|reputation|senderscore|banned|not authenticated|unauthenticated|authentication (?:required|check|fail)|your (?:ip|host|server|mail server|domain|isp)\b|refused (?:by|due|your|connection from)|denied by|policy|poli[tc]ique|sec(?:urity)? (?:reason|violat)|access to .{0,40}denied|not authori[sz]ed|administrative(?:ly)? (?:prohibit|den|reject)|rejected (?:for|due|by|because)|unauthorized|dynamic|dial-?up|residential|we do not accept|do not accept mail|refuse|denylist|deny ?list|junk|confidence|trust|ofr_|lpn\d|service refuse|rejeté|interdit|abuse|forged|spoof|impersonat|listed (?:in|by|at|on)",
)

REFUSED = (r"rejected\b|denied\b|refused|transaction failed|not permitted|not accepted|not allowed|unacceptable|prohibited",)

NOT_ALLOWED = (
    r"relay(?:ing)? (?:is )?(?:not|denied|access|prohib|operation|disallow)|relay(?:ing)? (?:mail|to)|unable to relay|not (?:a |an open )?relay|no relay|cannot relay|won'?t relay|we do not relay|relay not permitted|rcpthosts|not (?:allowed|permitted) to (?:send|post|relay|deliver|submit)|only accepts (?:mail|messages) from|(?:closed|members?[- ]only|restricted) (?:list|group|mailing)|not (?:a )?(?:member|subscrib)|resolver\.rst|recipient restrict|(?:you|sender) (?:are|is|do) not (?:allowed|permitted|authori[sz]ed|have permission)|does(?:n't| not) (?:accept|want|like) (?:mail|messages|recipient|e-?mail)(?: from)?|blocked by (?:the )?(?:recipient|user|owner)|you (?:have been|are) blocked|user (?:has )?(?:blocked|refused)|(?:recipient|user|owner) (?:is )?(?:not accept|refus)|address rejected: access denied|is not accepting|not accept(?:ing)? (?:mail|messages|e-?mail)|mail (?:from you )?(?:is )?not (?:wanted|accepted)|authorization (?:denied|failed)|posting (?:is )?(?:denied|not allowed)|ask .{0,30}to (?:add|allow)|mail_?loop_?never|recipient preferences|preferences of the|protected by|address rejected: access denied|permission",
)

LOOP = (r"\bloop|too many hops|hop count|hops? exceeded|5\.4\.6|4\.4\.6|received too many|too many received|local configuration error|mail for .{0,80}loops",)

EXPIRED = (
    r"retry time(?:out)? (?:exceeded|not reached)|expired|too long in (?:the )?queue|been in (?:the |my )?queue (?:too )?(?:long|for|\S{1,12} (?:days|hours))|in the queue too long|(?:could|can)(?:not|n't| not) (?:be )?(?:deliver|sen[dt])\w*" + _GAP + r"for (?:the )?(?:last |past )?\d+ (?:day|hour)|not delivered (?:for|after|within|in) (?:the )?(?:last )?\d+|(?:giving|gave) up after|time ?out exceeded|after \d+ (?:days|hours|attempts)|unable to deliver (?:this )?(?:message|mail) (?:for|after)|delivery time|queue ?time|max(?:imum)? (?:queue|retry|number of (?:retries|attempts|delivery))|retries (?:exceeded|exhausted)|no longer be retried|trop longtemps|aufgegeben|been tried for|i'm not going to try again",
)

NETWORK = (
    r"connect(?:ion|ing)?\b" + _GAP + r"(?:refused|timed|time ?out|reset|dropped|lost|closed|fail|abort|unreachable|to host)|time[d]?[- ]?out|no route to host|network (?:is )?(?:unreachable|error|down)|host (?:is )?(?:unreachable|down)|couldn'?t (?:connect|establish|reach)|could not (?:connect|contact|reach)|unable to (?:connect|contact|reach)|cannot (?:connect|contact|reach)|no answer from host|not respond|unreachable|lost connection|broken pipe|tls|ssl|handshake|eof|conversation with|bad connection|(?:dns|name service|nameserver|name server|mx) (?:error|fail|timeout|lookup|temporar|problem)|smtp (?:greeting|connection|protocol)|communication failure|all hosts .{0,80}fail|temporar\w+ (?:dns|lookup|resolution|name)|host not found, try again|(?:try again|temporary).{0,20}resolv|resolve host|4\.4\.[1-4]|end of (?:line|file)|remote host said nothing|protocol error",
)

SYSTEM = (
    r"system|disk full|(?:insufficient|no|not enough|out of)" + _GAP + r"(?:storage|space|disk|memory|resources)|i/o error|internal|configuration|misconfig|cannot (?:open|create|write|append|lock|update|access)|can'?t (?:create|open|write|lock)|unable to (?:open|create|write|append|lock|switch)|local error|service (?:un|not |currently )?(?:available|unavailable)|temporar|try (?:again )?later|exit (?:status|code)|command (?:died|failed|output)|pipe|\bdeferred|maintenance|overload|busy|error (?:in|while|writing|from|reading)|failure|died|permission denied|mailer|mail server|lmtp|database|ldap|alias|out of (?:order|service)|read-?only|delivery (?:error|failed|problem)",
)

Pattern = re.Pattern[str]


def compiled(patterns: tuple[str, ...]) -> Pattern:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


# What says more stands before what says less.
IN_ORDER: tuple[tuple[Reason, tuple[str, ...]], ...] = (
    (Reason.MAILBOX_FULL, FULL),
    (Reason.TOO_BIG, TOO_BIG),
    (Reason.INACTIVE, INACTIVE),
    (Reason.NETWORK, FOR_NOW),
    (Reason.HOST_UNKNOWN, HOST),
    (Reason.UNKNOWN_USER, UNKNOWN),
    (Reason.EXPIRED, EXPIRED),
    (Reason.LOOP, LOOP),
    (Reason.NOT_ALLOWED, NOT_ALLOWED),
    (Reason.THROTTLED, THROTTLED),
    (Reason.BLOCKED, LISTED),
    (Reason.CONTENT, CONTENT),
    (Reason.BLOCKED, BLOCKED),
)
# Said of much: a code that says one thing goes before them.
WEAKLY: tuple[tuple[Reason, tuple[str, ...]], ...] = (
    (Reason.UNKNOWN_USER, WEAKLY_UNKNOWN),
    (Reason.BLOCKED, REFUSED),
    (Reason.NETWORK, NETWORK),
    (Reason.SYSTEM, SYSTEM),
)

# Enhanced status codes (RFC 3463; the registry of IANA), where the words say nothing.
BY_CODE = {
    "1.0": Reason.UNKNOWN_USER,
    "1.1": Reason.UNKNOWN_USER,
    "1.2": Reason.HOST_UNKNOWN,
    "1.3": Reason.UNKNOWN_USER,
    "1.4": Reason.UNKNOWN_USER,
    "1.6": Reason.UNKNOWN_USER,
    "1.7": Reason.BLOCKED,
    "1.8": Reason.BLOCKED,
    "1.9": Reason.BLOCKED,
    "1.10": Reason.HOST_UNKNOWN,
    "2.1": Reason.INACTIVE,
    "2.2": Reason.MAILBOX_FULL,
    "2.3": Reason.TOO_BIG,
    "3.4": Reason.TOO_BIG,
    "4.6": Reason.LOOP,
    "4.7": Reason.EXPIRED,
    "6.0": Reason.CONTENT,
    "6.1": Reason.CONTENT,
    "7.0": Reason.BLOCKED,
    "7.1": Reason.BLOCKED,
    "7.2": Reason.NOT_ALLOWED,
}
# Codes that say where, and hardly why.
BY_VAGUE_CODE = {
    "2.4": Reason.SYSTEM,
    "3.0": Reason.SYSTEM,
    "3.1": Reason.SYSTEM,
    "3.2": Reason.SYSTEM,
    "3.3": Reason.SYSTEM,
    "3.5": Reason.SYSTEM,
    "4.0": Reason.NETWORK,
    "4.1": Reason.NETWORK,
    "4.2": Reason.NETWORK,
    "4.3": Reason.NETWORK,
    "4.4": Reason.NETWORK,
    "4.5": Reason.THROTTLED,
    "5.0": Reason.SYSTEM,
    "5.3": Reason.THROTTLED,
}
# SMTP replies (RFC 5321, 4.2.3), where nothing says more.
BY_REPLY = {421: Reason.SYSTEM, 422: Reason.MAILBOX_FULL, 431: Reason.SYSTEM, 450: Reason.SYSTEM, 451: Reason.SYSTEM}
BY_REPLY |= {452: Reason.MAILBOX_FULL, 550: Reason.OTHER, 551: Reason.UNKNOWN_USER, 552: Reason.MAILBOX_FULL}
BY_REPLY |= {553: Reason.UNKNOWN_USER, 554: Reason.BLOCKED, 556: Reason.HOST_UNKNOWN}
