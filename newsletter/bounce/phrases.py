"""What servers say when they refuse a mail, and what they mean by it. Data alone: the first that matches counts.

The words come before the codes: 5.1.1 is given for full mailboxes and for spam, 5.7.1 for mailboxes that do not exist.
Read from servers' replies without their addresses and links, in small letters and in one line.
"""

from __future__ import annotations

import re

from newsletter.model.bounces import Reason

_BOX = (
    r"(?:mail[- ]?box|account|user|recipient|mail ?drop|inbox|maildir|mail folder|e-?mail (?:address|account)|"
    r"address|mailhost)"
)
_GAP = r"[^.;]{0,60}?"

# It is about us, who sent it, and not about the recipient, though it may speak of addresses that do not exist.
SENDER = (
    r"sender (?:address )?(?:rejected|verif|domain|not|unknown|denied|invalid|is (?:in)?valid)",
    r"(?:unknown|invalid|bad|forged|unresolvable) (?:envelope[- ])?sender",
    r"(?:could not|cannot|can't|unable to|failed to) (?:verify|resolve) (?:the |your |domain of )?(?:sender|"
    r"return|mail from|envelope)",
    r"domain of sender|sender'?s? (?:domain|address|e-?mail)|mail from (?:address|domain|rejected|command)|"
    r"in reply to mail from",
    r"return[- ]path (?:is|does|domain|address)|envelope from|verification failed for|callout verification failed",
    r"(?:reverse|ptr) (?:dns|record|lookup)|no ptr|rdns|dns ptr|helo|ehlo|fix reverse|client host rejected",
    r"(?:a|mx)(?: or (?:a|aaaa|mx))* (?:resource )?record.{0,40}(?:sender|from)|invalid dns mx",
)

FULL = (
    r"over ?(?:the )?(?:disk |storage |mail |maximum |allowed |its |their |his )*quota|overquota|quota ?perm|"
    r"quota ?temp\b",
    r"quota (?:has been |is |was |would be |limit )*(?:exceed|reach|full|violat|exhaust)|"
    r"exceed\w*" + _GAP + r"quota|out of quota",
    r"(?:disk|storage|mail|box|user|inbox|account)[' ]?s? quota|quota violation|quota_|not enough quota|quota error",
    _BOX + r"(?:'s)?(?: \S{1,60}){0,4} (?:is |are |was |has |now |currently |almost |too |be )*(?:over)?(?:full|"
    r"too full|exceeded)\b",
    r"(?:full|overloaded|overflowing) (?:mail ?box|inbox|account|maildrop)|mail ?box ?full|box full|"
    r"mailfolder is full|full$",
    r"(?:mail ?box|inbox|account|maildrop|"
    r"folder)\S*"
    + _GAP
    + r"(?:exceed|(?:size|storage|space|message) limit|maximum (?:allowed )?size|too large|too big|reached)",
    r"exceed\w*" + _GAP + r"(?:storage|mail ?box|allocat|disk|max(?:imum)? number of messages|message limit|inbox)",
    r"(?:insufficient|not enough|no|lack of|out of)(?: \w+){0,2} (?:storage|space|"
    r"disk)(?: \w+){0,5} (?:mail ?box|account|user|recipient)",
    r"(?:mail ?box|account|user|recipient|"
    r"folder)\b" + _GAP + r"(?:insufficient|not enough|out of|no more|no) (?:disk |storage |free )?(?:space|storage)",
    r"(?:has|have) (?:too many|exceeded the) messages|storage (?:limit|quota|allocation|space)|no space left in|"
    r"too many messages (?:in|on)",
    r"mailbox_?full|recipient.?s (?:mail)?box is (?:full|over)|5\.2\.2 (?:mailbox|over)|user (?:disk|"
    r"mail) (?:full|limit)",
    r"(?:boite|boîte)(?: [\wà-ÿ'@.-]{1,60}){0,5} (?:pleine|saturee|saturée)|quota (?:de |"
    r"du )?[\wà-ÿ' ]{0,40}(?:depass|dépass|atteint)|espace (?:disque )?insuffisant",
    r"(?:postfach|mailbox|konto|"
    r"speicher\w*)" + _GAP + r"(?:voll|überschritten|ueberschritten|erschöpft)|kein speicherplatz",
    r"buz[oó]n"
    + _GAP
    + r"(?:llen|excedid)|bandeja"
    + _GAP
    + r"llena|(?:cuota|cota)"
    + _GAP
    + r"(?:excedid|superad)|casella"
    + _GAP
    + r"pien|spazio"
    + _GAP
    + r"esaurit",
    r"caixa"
    + _GAP
    + r"(?:cheia|lotada)|quota"
    + _GAP
    + r"excedid|postvak"
    + _GAP
    + r"vol|skrzynk\w+"
    + _GAP
    + r"(?:pełn|przepełn|przekrocz)|przekroczon\w+ (?:limit|rozmiar)",
    r"ящик\w*"
    + _GAP
    + r"(?:переполн|заполнен)|квот\w+"
    + _GAP
    + r"превыш|メールボックス.{0,30}(?:一杯|いっぱい|満杯|容量)|容量.{0,10}(?:超|オーバー)|邮箱.{0,10}(?:已满|"
    r"满)|mailbox size limit",
)

TOO_BIG = (
    r"(?:message|mail|e-?mail|size|body|attachment\w*|"
    r"data)\b"
    + _GAP
    + r"(?:too (?:big|large)|(?<!queue )too long|exceed\w*"
    + _GAP
    + r"(?:size|limit|maximum|max)|larger than)",
    r"too (?:big|large) (?:a )?(?:message|mail|for this)|(?:message|maximum|max|fixed|"
    r"maxi) (?:message )?(?:file )?size|size limit|size exceed|exceeds (?:the )?(?:maximum|size|max\b)",
    r"message length exceeds|maximum length|oversized|resolver\.rst\.(?:send|recip)size|length limit|"
    r"taille (?:maxi\w* )?(?:du|de|maxi)|zu gro(?:ß|ss)|trop (?:gros|volumineux|grand)",
    r"demasiado grande|troppo grande|too much data|data size",
)

INACTIVE = (
    _BOX + r"(?:'s)?(?: \S{1,80}){0,3}? (?:is |are |was |has |been |have |currently |now |already |either |"
    r"no longer |not |temporarily )*"
    r"(?:in-?active|disabled|deactivated|suspended|closed|terminated|discontinued|expired|frozen|"
    r"blocked due to inactivity|deleted|removed|cancell?ed|locked|blocked by admin|retired|decommissioned|"
    r"abandoned|de-?activated|not active|unavailable due to inactivity|dormant|on hold|not activated)",
    r"\b(?:in-?active|disabled|deactivated|suspended|closed|frozen|expired|terminated|dormant|"
    r"locked) (?:mail ?box|account|user|recipient|address|e-?mail)",
    r"(?:is|has been) (?:a )?(?:disabled|deactivated|discontinued|suspended|inactive)(?: or discontinued|"
    r" mail ?box| account| user)?\b",
    r"(?:mail ?box|account|user|recipient|address)\w* (?:was |has )?not (?:been )?(?:logged|used|accessed)|"
    r"(?:not|no) (?:been )?(?:logged|log) in|disabled ?user|not (?:yet )?activated",
    r"account (?:that you tried to reach )?is disabled|inactivity|disabled due to|disabled or discontinued|"
    r"user_?disabled|account_?(?:disabled|inactive|suspended)|\[suspend\]",
    r"(?:boite|boîte|compte|"
    r"adresse)\b"
    + _GAP
    + r"(?:desactiv|désactiv|suspendu|ferm|inactif|inactive|bloqu|resili|résili|clotur|clôtur|supprim)",
    r"(?:konto|postfach|mailbox|"
    r"empfänger)"
    + _GAP
    + r"(?:deaktiviert|gesperrt|geschlossen|inaktiv)|(?:cuenta|buz[oó]n)"
    + _GAP
    + r"(?:desactivad|inactiv|suspendid|cancelad|deshabilitad)",
    r"(?:conta|caixa)"
    + _GAP
    + r"(?:desativad|inativ|suspens|cancelad|bloquead)|(?:konto|skrzynka)"
    + _GAP
    + r"(?:nieaktywn|zablokowan|wyłączon)|(?:casella|account)"
    + _GAP
    + r"(?:disattivat|disabilitat|sospes)",
    r"(?:ящик|аккаунт|"
    r"почт\w+)" + _GAP + r"(?:заблокирован|отключ|неактив|удален|удалён)|message rejected: account inactive|"
    r"mail ?box is (?:being )?frozen",
)

# Where these stand beside INACTIVE, the mailbox may come back.
TEMPORARILY = (
    r"temporar\w+|tempor[aä]r|provisoire|momentan|try (?:again )?later|please retry|moment later|"
    r"vorübergehend|under maintenance|(?<!not )being (?:moved|migrated)"
)

# A name that could not be looked up just now.
FOR_NOW = (
    r"dns soft error|host not found, try again|temporar\w+ (?:dns|lookup|name|resolution)|(?:name service|"
    r"dns|name server)\b[^.;]{0,40}(?:try again|time ?out|servfail|temporar)",
)

HOST = (
    r"(?:host|domain)(?: or domain)?(?: name)?(?: [^\s:;]{1,80}){0,4}? (?:not found|unknown|does(?:n't|"
    r" not) exist|could not be (?:found|resolved)|not (?:be )?resolve|lookup fail|cannot be found|is invalid|"
    r"(?:un)?resolvable)",
    r"(?:unknown|no such|invalid|bad|non-?existent|unresolvable|undefined|illegal) (?:host|domain|host/domain|"
    r"host or domain|destination domain|mail (?:host|server)|recipient domain)|unrout(?:e)?able (?:mail )?domain|"
    r"unknown mail host",
    r"nxdomain|null ?mx|"
    r"domain\b"
    + _GAP
    + r"(?:accepts? no mail|does not accept (?:any )?(?:e-?)?mail|no(?:t)? (?:valid )?mx|has no (?:valid )?(?:mx|"
    r"mail|a\b))|no (?:valid )?(?:mx|mail exchanger|mail server)\w*(?: records?| hosts?)?(?: for|\b)",
    r"couldn'?t find any host|could not find any host|no mx (?:or|record|for)|can'?t find (?:a )?(?:host|domain)|"
    r"name server: host not found|non existent (?:host|domain)",
    r"all relevant mx records point to non-existent hosts|mx (?:record )?(?:points? to|is) (?:nowhere|\.|"
    r"non-?existent)|dns (?:error|lookup)?:? ?(?:name error|non-?existent)|name or service not known|"
    r"badly formed domain",
    r"domain (?:name )?not (?:found|registered)|(?:the )?domain \S{0,80} (?:doesn't|does not|n'existe)|"
    r"domaine?\b"
    + _GAP
    + r"(?:n'existe pas|inexistant|inconnu|introuvable)|hôte inconnu|nombre de dominio|domäne.{0,30}(?:nicht|"
    r"unbekannt)|mail server not found",
    r"(?:misspelled|mistyped) domain|unable to (?:find|resolve|look ?up)(?: \w+){0,4} (?:host|domain|mx)|"
    r"domain name .{0,80}(?:couldn't|could not|can't) be found|host name lookup failure|unroutable mail domain|"
    r"dns domain",
)

UNKNOWN = (
    r"(?:user|recipient|mail ?box|account|address|addressee|alias|username|local[- ]?part|person|customer|"
    r"subscriber|mail ?drop|receiver|destination|inbox)(?:'s)?(?: \S{1,100}){0,5}? (?:is |was |are |"
    r"are currently |currently |has |were |could |can |address )*(?:unknown|does(?:n'?t|"
    r" ?n[o´]t)(?: currently)? (?:exists?|have)|do(?:n'?t| not) exists?|not (?:be )?(?:found|exist|known|"
    r"recogni[sz]ed|listed|registered|valid|identified|located|here|a valid|a known|resolved|"
    r"a (?:registered )?user|our customer)|cannot be found|could(?:n't| not) be found|non-?exist\w*|"
    r"no longer (?:valid|exist\w*|at|with|here|in use|available|works?|active|used|on)|is invalid|invalid\b|"
    r"not (?:an? )?(?:active|valid|existing|local))",
    r"\b(?:unknown|no such|invalid|non-?existent|unrecognized|undefined|unroute?able|illegal|unresolvable|"
    r"not existing|nonexisting|no valid|not a valid|not a known|not known|unknow|bad|not a local|invalid final|"
    r"invalid destination|not a working) (?:or (?:invalid|illegal|unknown|disabled|inactive|\w+) )?(?:local |"
    r"virtual |e-?mail |mail |final |delivery |destination (?!host)|rcpt |ns )*(?:user\w*|recipient\w*|mail ?box|"
    r"account|address\w*|alias\w*|local[- ]?part|person|people|addressee|rcpt|customer|name|destination(?! host)|"
    r"mail ?drop|id\b|receiver|delivery)",
    r"no (?:valid |known |such |mail |local )*(?:mail ?box|user|account|recipient|person|address\w*|one|"
    r"body)(?: \S{1,60}){0,3} (?:here|by that|with that|found|available|named|exists?|at this|in|on|for this|"
    r"of that|called|known)|no mailbox|nosuch ?user|no such user|no recipients?$|nobody here",
    r"(?:user|userid|account|name|recipient|it|he|she|who) (?:is |was )?(?:not|isn'?t|isn´t) (?:known|listed|"
    r"found|registered|recogni[sz]ed|on (?:this|our)|in (?:the|our|this)|here|local|exist|valid|one of|"
    r"permitted on)|does(?:n't| not) (?:exist|have an? (?:\S+ )?(?:account|mailbox|email))|user-?unknown|"
    r"is not a (?:known|valid|current|local|registered)|not our (?:customer|user)",
    r"(?:user|recipient|mailbox|address|account|person)[_ -]?(?:unknown|not[_ -]?found|invalid|"
    r"does[_ -]not[_ -]exist|lookup failure)|unknownuser|invalid_?(?:recipient|mailbox)|bad[_ ](?:recipient|rcpt|"
    r"address|destination)|recipnotfound|recipient ?not ?found|badrcptto|rcpt \S{0,80} does not exist",
    r"not in (?:our |the |my )?(?:rcpt|recipient|user|address|validrcptto|list|directory|local)|not listed in|"
    r"user doesn't exist|unknown in (?:local|virtual|relay)|not have (?:an? )?(?:account|mailbox)|no (?:longer|"
    r"more) (?:here|on (?:this )?server|with us|works? (?:here|for|at))|never logged on|user has (?:moved|left)|"
    r"has left (?:the|our)|no mail ?box (?:here )?(?:by|named|with)",
    r"undeliverable address|unroute?able address|address (?:wasn't|was not|couldn't be|could not be) found|"
    r"wasn't found at|address rejected: (?:unknown|undeliverable|not found|nonexist)|delivery to non-?existing|"
    r"addressee unknown|unable to find (?:recipient|user|that)|couldn't find (?:the )?(?:recipient|user)|"
    r"the email address you entered couldn't|mailbox (?:name )?(?:not found|not allowed|does)|"
    r"mailbox .{0,80}unavailable or (?:access|not)",
    r"account that you tried to reach does not|tried to reach doesn|recipient (?:name )?is not recogni[sz]ed|"
    r"recipient no longer|unknown (?:address|user|recipient)|5\.1\.1 (?:invalid|bad|unknown|no)|not a (?:user|"
    r"mailbox|valid|known)|not an active address|not (?:exactly )?match|is not listed|user (?:is )?(?:invalid|"
    r"undefined|unidentified)|name (?:is )?not (?:recogni[sz]ed|found)|not matched|not match any|ambiguous|"
    r"dir(?:ectory)? lookup fail|not unique",
    r"(?:utilisateur|destinataire|adresse|boite|boîte|compte|usager|"
    r"abonn\w)\b"
    + _GAP
    + r"(?:inconnu|inexistant|n'existe (?:pas|plus)|introuvable|invalide|non trouv|n est pas|n'est (?:pas|"
    r"plus) (?:valide|connu)|pas connu)|n'est pas répertorié|n'est pas (?:listé|référencé)|n'a pas été trouvé|"
    r"compte (?:de messagerie )?n'existe pas|aucun (?:utilisateur|destinataire)",
    r"(?:benutzer|empf(?:ä|ae)nger\w*|adresse|postfach|adressat|mailadresse|"
    r"konto)\b"
    + _GAP
    + r"(?:unbekannt|nicht (?:gefunden|vorhanden|bekannt|existent|gültig)|existiert nicht|ungültig|nicht mehr)|"
    r"unbekannter (?:empf|benutz|nutz)|nicht gefunden werden|kein benutzer",
    r"(?:usuario|destinatario|direcci[oó]n|buz[oó]n|cuenta|utente|indirizzo|casella|utilizador|destinat[aá]rio|"
    r"endere[cç]o|usu[aá]rio|conta|"
    r"caixa)\b"
    + _GAP
    + r"(?:desconocid|no (?:existe|encontrad|v[aá]lid|se (?:ha )?encontr)|inexist|inv[aá]lid|sconosciut|"
    r"non (?:esiste|trovat|valid|riconosciut)|desconhecid|n[aã]o (?:existe|encontrad|foi encontrad|[eé] v[aá]lid))",
    r"(?:odbiorca|użytkownik|adres|skrzynka|"
    r"konto)\w*" + _GAP + r"(?:nie istnieje|nieznan|(?:nie (?:został\w* )?znalezion|nie znaleziono)|niepoprawn)|"
    r"nie znaleziono (?:adresata|odbiorcy|użytkownika)|brak (?:takiego )?(?:użytkownika|konta|odbiorcy)|"
    r"nieznany (?:odbiorca|użytkownik)|(?:geadresseerde|gebruiker|adres|ontvanger)\b"
    + _GAP
    + r"(?:onbekend|bestaat niet|niet gevonden|ongeldig)",
    r"(?:пользовател|получател|адрес|ящик|"
    r"абонент)\w*"
    + _GAP
    + r"(?:не (?:существует|найден|зарегистрирован)|неизвест|отсутствует|неверн)|нет такого (?:пользоват|адрес)|"
    r"недействительн|такого .{0,20}нет|(?:宛先|ユーザ|あて先|アドレス|受信者).{0,30}(?:存在し|見つかり|不明|"
    r"みつかり|ありません)|"
    r"ディレクトリ.{0,12}ありません|(?:用户|收件人|邮箱|地址).{0,20}(?:不存在|未找到|无效)|(?:수신자|"
    r"사용자).{0,30}(?:없|찾을)",
)

# Said by many for a mailbox that is not there, and by some for anything: after all that says more.
WEAKLY_UNKNOWN = (
    r"mail ?box (?:<?@>? )?(?:is |currently )*(?:unavailable|not available)|user (?:is )?(?:unavailable|"
    r"not available|not allowed)|requested action not taken|invalid address|"
    r"recipient (?:address )?rejected(?! *:? *(?:access|policy|denied|grey|try|temp|rate|too))|"
    r"address (?:has been )?rejected$|recipient verify failed|recipient \S{0,80} ?rejected$|user rejected|"
    r"bad destination mailbox|destination mailbox address invalid",
    r"(?:cannot|can't|could not|unable to) (?:deliver to|find|verify) (?:the )?(?:recipient|user|address|"
    r"mailbox)|no (?:mailbox|account|recipient|user)\b|rcpt (?:to )?(?:rejected|invalid|failed)|"
    r"delivery not authorized to unknown",
)
# With these a temporary reading is meant even of a mailbox that is not there.
AGAIN = r"try (?:again|later)|again later|temporar|please retry|retry later|réessay|ultérieurement|später"

THROTTLED = (
    r"gr[ea]y ?-?list|too (?:many|fast|quickly|much)(?! hops)|rate[- ]?limit|throttl|"
    r"exceeded"
    + _GAP
    + r"(?:rate|connections|number of (?:connections|messages|recipients))|(?:rate|frequency|sending) (?:limit|"
    r"exceed|control)|limit(?:ed|s)? (?:exceeded|reached)|temporar\w+ (?:deferred|rate|blocked|rejected)|"
    r"deferred (?:due|for)|slow down|4\.7\.(?:0|650|28)|unusual(?:ly)? (?:rate|high)|concurrent|"
    r"exceeded the limit|messages? per (?:hour|minute|day|second)|over rate|daily limit|receiving mail at a rate|"
    r"user complaints|trop de (?:connexions|messages)|please (?:try again|retry) (?:in|after) \d",
)

CONTENT = (
    r"virus|malware|infect|phish|spam|junk|bulk e?-?mail|unsolicited|uce\b|ube\b|content (?:filter|reject|"
    r"restrict|den)|(?:message|mail|e-?mail) (?:content|body|header\w*|appears|looks|contains|was (?:identified|"
    r"classified|considered))|surbl|uribl|\burl|attachment|bayes|dspam|suspicious|bad header|illegal (?:char|"
    r"header|8-?bit)|mime|bare (?:lf|cr)|profan|indésirable|banned|x-spam|score|filtered|message refused|"
    r"advertis|inappropriate|hormel|eicar|trojan|no spam|lone cr|8-?bit data|malformed (?:message|header)|"
    r"header\b"
    + _GAP
    + r"(?:missing|required|invalid)|missing (?:from|date|message-id)|5\.7\.1 content|message format",
)

LISTED = (
    r"spamhaus|spamcop|rbl\b|\bdnsbl|(?:block|black|deny) ?-?list|banned sending|your (?:ip|host|mail server|"
    r"server)\b|\bspf\b|\bdkim\b|\bdmarc\b|reputation|senderscore|because the ip|envelope blocked|"
    r"sender is (?:un|not )auth",
)

BLOCKED = (
    r"block(?:ed|ing|list)|black ?-?list|\bspf\b|\bdkim\b|\bdmarc\b|rbl\b|\bdnsbl|spamhaus|spamcop|barracuda|"
    r"sorbs|reputation|senderscore|banned|not authenticated|unauthenticated|authentication (?:required|check|"
    r"fail)|your (?:ip|host|server|mail server|domain|isp)\b|refused (?:by|due|your|connection from)|denied by|"
    r"policy|poli[tc]ique|sec(?:urity)? (?:reason|violat)|access to .{0,40}denied|not authori[sz]ed|"
    r"administrative(?:ly)? (?:prohibit|den|reject)|rejected (?:for|due|by|because)|unauthorized|dynamic|"
    r"dial-?up|residential|we do not accept|do not accept mail|refuse|denylist|deny ?list|junk|confidence|trust|"
    r"ofr_|lpn\d|service refuse|rejeté|interdit|abuse|forged|spoof|impersonat|listed (?:in|by|at|on)",
)

REFUSED = (
    r"rejected\b|denied\b|refused|transaction failed|not permitted|not accepted|not allowed|unacceptable|"
    r"prohibited",
)

NOT_ALLOWED = (
    r"relay(?:ing)? (?:is )?(?:not|denied|access|prohib|operation|disallow)|relay(?:ing)? (?:mail|to)|"
    r"unable to relay|not (?:a |an open )?relay|no relay|cannot relay|won'?t relay|we do not relay|"
    r"relay not permitted|rcpthosts|not (?:allowed|permitted) to (?:send|post|relay|deliver|submit)|"
    r"only accepts (?:mail|messages) from|(?:closed|members?[- ]only|restricted) (?:list|group|mailing)|"
    r"not (?:a )?(?:member|subscrib)|resolver\.rst|recipient restrict|(?:you|sender) (?:are|is|"
    r"do) not (?:allowed|permitted|authori[sz]ed|have permission)|does(?:n't| not) (?:accept|want|like) (?:mail|"
    r"messages|recipient|e-?mail)(?: from)?|blocked by (?:the )?(?:recipient|user|owner)|you (?:have been|"
    r"are) blocked|user (?:has )?(?:blocked|refused)|(?:recipient|user|owner) (?:is )?(?:not accept|refus)|"
    r"address rejected: access denied|is not accepting|not accept(?:ing)? (?:mail|messages|e-?mail)|"
    r"mail (?:from you )?(?:is )?not (?:wanted|accepted)|authorization (?:denied|failed)|"
    r"posting (?:is )?(?:denied|not allowed)|ask .{0,30}to (?:add|allow)|mail_?loop_?never|recipient preferences|"
    r"preferences of the|protected by|address rejected: access denied|permission",
)

LOOP = (
    r"\bloop|too many hops|hop count|hops? exceeded|5\.4\.6|4\.4\.6|received too many|too many received|"
    r"local configuration error|mail for .{0,80}loops",
)

EXPIRED = (
    r"retry time(?:out)? (?:exceeded|not reached)|expired|too long in (?:the )?queue|been in (?:the |"
    r"my )?queue (?:too )?(?:long|for|\S{1,12} (?:days|hours))|in the queue too long|(?:could|can)(?:not|n't|"
    r" not) (?:be )?(?:deliver|"
    r"sen[dt])\w*" + _GAP + r"for (?:the )?(?:last |past )?\d+ (?:day|hour)|not delivered (?:for|after|within|"
    r"in) (?:the )?(?:last )?\d+|(?:giving|gave) up after|time ?out exceeded|after \d+ (?:days|hours|attempts)|"
    r"unable to deliver (?:this )?(?:message|mail) (?:for|after)|delivery time|queue ?time|max(?:imum)? (?:queue|"
    r"retry|number of (?:retries|attempts|delivery))|retries (?:exceeded|exhausted)|no longer be retried|"
    r"trop longtemps|aufgegeben|been tried for|i'm not going to try again",
)

NETWORK = (
    r"connect(?:ion|"
    r"ing)?\b"
    + _GAP
    + r"(?:refused|timed|time ?out|reset|dropped|lost|closed|fail|abort|unreachable|to host)|time[d]?[- ]?out|"
    r"no route to host|network (?:is )?(?:unreachable|error|down)|host (?:is )?(?:unreachable|down)|"
    r"couldn'?t (?:connect|establish|reach)|could not (?:connect|contact|reach)|unable to (?:connect|contact|"
    r"reach)|cannot (?:connect|contact|reach)|no answer from host|not respond|unreachable|lost connection|"
    r"broken pipe|tls|ssl|handshake|eof|conversation with|bad connection|(?:dns|name service|nameserver|"
    r"name server|mx) (?:error|fail|timeout|lookup|temporar|problem)|smtp (?:greeting|connection|protocol)|"
    r"communication failure|all hosts .{0,80}fail|temporar\w+ (?:dns|lookup|resolution|name)|"
    r"host not found, try again|(?:try again|temporary).{0,20}resolv|resolve host|4\.4\.[1-4]|end of (?:line|"
    r"file)|remote host said nothing|protocol error",
)

SYSTEM = (
    r"system|disk full|(?:insufficient|no|not enough|"
    r"out of)"
    + _GAP
    + r"(?:storage|space|disk|memory|resources)|i/o error|internal|configuration|misconfig|cannot (?:open|create|"
    r"write|append|lock|update|access)|can'?t (?:create|open|write|lock)|unable to (?:open|create|write|append|"
    r"lock|switch)|local error|service (?:un|not |currently )?(?:available|unavailable)|temporar|"
    r"try (?:again )?later|exit (?:status|code)|command (?:died|failed|output)|pipe|\bdeferred|maintenance|"
    r"overload|busy|error (?:in|while|writing|from|reading)|failure|died|permission denied|mailer|mail server|"
    r"lmtp|database|ldap|alias|out of (?:order|service)|read-?only|delivery (?:error|failed|problem)",
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
