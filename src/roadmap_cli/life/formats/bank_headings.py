"""What banks write above the columns of their statements, in several languages, and in some of the columns."""

from __future__ import annotations

_TEXT = {
    "date": """booking date|transaction date|posting date|posted date|date posted|post date|trans date|completed date|
        buchungstag|buchungsdatum|buchung|bokföringsdag|bokföringsdatum|bokförd|transaktionsdag|transaktionsdatum|
        date de comptabilisation|date comptable|date opération|date operation|date de l'opération|dateop|
        fecha de operación|fecha operación|fecha operacion|fecha contable|f. operación|data contabile|data operazione|
        data movimento|data do movimento|data mov|data lançamento|data do lançamento|data lancamento|boekdatum|
        boekingsdatum|transactiedatum|transaktionsdato|bogføringsdato|bokføringsdato|data operacji|data transakcji|
        data księgowania|datum zaúčtování|datum provedení|datum zúčtování|datum transakce|started date|date|datum|dato|
        fecha|data|posted|päivämäärä|kirjauspäivä|tarih|dátum|könyvelés dátuma|wertstellung|valuta""",
    "started": """started date""",
    "value_date": """value date|valutadatum|wertstellung|wertstellungsdatum|valutadag|date de valeur|date valeur|
        dateval|fecha valor|f. valor|fecha de valor|data valuta|data valor|data-valor|rentedatum|data waluty|
        datum valuty|valuta|interest date|rentedato|értéknap""",
    "amount": """transaction amount|betrag in eur|umsatz in eur|amount|betrag|umsatz|importe|importo|montant|bedrag|
        belopp|beløb|beloep|kwota operacji|kwota transakcji|kwota|částka|castka|objem|valor|quantia|montante|value|
        summa|määrä|tutar|összeg""",
    "debit": """paid out|money out|debit amount|debit|débit|soll|withdrawals|withdrawal|ausgang|belastung|lastschrift|
        cargo|cargos|uscite|dare|addebiti|débito|debito|debitos|débitos|obciążenia|wydatki|uttag|utgifter|ut fra konto|
        výdaje|spent|outflow|saídas|af""",
    "credit": """paid in|money in|credit amount|credit|crédit|haben|deposits|deposit|eingang|gutschrift|abono|abonos|
        entrate|avere|accrediti|crédito|credito|creditos|créditos|uznania|wpływy|insättning|inkomster|inn på konto|
        příjmy|received|inflow|entradas|bij""",
    "sign": """af bij|af/bij|soll/haben|s/h|debit/credit|credit/debit|debit or credit|d/c|c/d|dr/cr|cr/dr|
        by_af_code|credit debit indicator|+/-|sens|direction|bij/af|debet/credit|débit/crédit|kierunek|umsatztyp""",
    "payee": """payee|merchant name|merchant|counterparty name|counterparty|name zahlungsbeteiligter|
        beguenstigter/zahlungspflichtiger|begünstigter/zahlungspflichtiger|auftraggeber / begünstigter|
        auftraggeber/empfänger|zahlungsempfänger*in|zahlungsempfänger|beguenstigter|begünstigter|empfänger|auftraggeber|
        beneficiary|tegenpartij|naam tegenpartij|naar_naam|naam / omschrijving|mottagare|modtager|mottaker|
        nadawca/odbiorca|odbiorca|nadawca|kontrahent|dane kontrahenta|název protiúčtu|název protistrany|protistrana|
        beneficiario|ordinante|ordenante|nazwa odbiorcy|target name|bénéficiaire|tiers|beneficiário|
        destinatário|name|description|libellé|libelle|
        libellé opération|concepto|descrizione|causale|descrição|descricao|histórico|omschrijving|opis operacji|
        opis transakcji|opis|tytuł|popis|beskrivning|referens|rubrik|specifikation|tekst|text|details|narration|
        transaction details|particulars|açıklama""",
    "payer": """zahlungspflichtige*r|zahlungspflichtiger|auftraggeber|payer|payer name|sender|sender name|source name|
        remitter|donneur d'ordre|émetteur|emetteur|ordinante|ordenante|mittente|nadawca|nazwa nadawcy|avsändare|
        afsender|avsender|plátce|fizető fél""",
    "memo": """memo|verwendungszweck|purpose|reference|notes|narrative|mededelingen|buchungstext|
        informations complémentaires|détail|observaciones|más datos|descrizione estesa|note|observações|tytuł przelewu|
        tytułem|zpráva pro příjemce|poznámka|meddelande|message|omschrijving-1|omschr1|payment reference|description|
        libellé|omschrijving|communications|communication|mededeling""",
    "currency": """currency|währung|waehrung|devise|divisa|valuta|munt|muntsoort|ccy|moneda|moeda|waluta|měna|mena|
        currency code|transaction currency|pénznem""",
    "account": """iban auftragskonto|auftragskonto|account number|own account|konto zlecenia|numer rachunku|
        číslo účtu|účet|account|iban|kontonummer|konto|compte|rekening|rekeningnummer|iban/bban|cuenta|conto|conta""",
    "counterparty": """iban zahlungsbeteiligter|kontonummer/iban|iban/kontonummer|counterparty iban|
        counterparty account|tegenrekening|tegenrekening iban/bban|numer konta|rachunek kontrahenta|protiúčet|
        číslo protiúčtu|counter account|kontonummer|iban|konto""",
    "balance": """balance|saldo nach buchung|saldo|kontostand|solde|running balance|balance after|available balance|
        saldo po operacji|saldo na mutatie|saldo na trn|disponible|bokfört saldo|zůstatek|egyenleg""",
    "status": """state|status|umsatzstatus|buchungsstatus|booking status|transaction status|estado|stato|statut|stav|
        info""",
    "charges": """fee|fees|gebühr|gebühren|frais|comisión|commissione|poplatek|opłata""",
}  # fmt: skip

#: Words in a column's heading that tell what it holds, most telling first; lower case, as banks in several languages
#: write them. The first column that fits wins; those for a balance are never taken for an amount.
HEADINGS: dict[str, tuple[str, ...]] = {
    field: tuple(" ".join(word.split()) for word in text.split("|")) for field, text in _TEXT.items()
}
#: Words that tell a column of balances.
NO_AMOUNT = ("balance", "saldo", "solde", "kontostand", "zůstatek", "egyenleg")
#: Headings of an amount that stand above many other numbers, too.
WEAK_AMOUNTS = (
    "value",
    "valor",
    "summa",
    "objem",
    "deposit",
    "deposits",
    "credit",
    "debit",
    "af",
    "bij",
    "dare",
    "avere",
)

#: What marks money that went out, where a column has the sign in words.
OUT = frozenset(
    ("d", "debit", "dr", "af", "soll", "s", "out", "-", "debet", "withdrawal", "dbit", "débit", "dare", "cargo",
     "débito", "debito", "outgoing", "obciążenie", "wydatek", "výdaj", "ausgang", "belastung", "sent", "uit", "debe")
)  # fmt: skip
IN = frozenset(
    ("c", "credit", "cr", "bij", "haben", "h", "in", "+", "deposit", "crdt", "crédit", "avere", "abono", "crédito",
     "credito", "incoming", "uznanie", "wpływ", "příjem", "eingang", "gutschrift", "received", "haber")
)  # fmt: skip
PENDING = frozenset(("pending", "vorgemerkt", "umsatz vorgemerkt", "pendiente", "en attente", "in attesa", "pendente",
                     "authorised", "authorized", "reserved", "vorgemerkte", "oczekująca", "väntande",
                     "ausstehend"))  # fmt: skip
NOTHING_MOVED = frozenset(("reverted", "declined", "failed", "cancelled", "canceled", "storniert", "abgelehnt",
                           "rejected", "refused", "annulé", "rechazado", "rifiutato"))  # fmt: skip
#: How a line below the transactions begins.
TOTALS = ("total", "summe", "gesamt", "saldo", "kontostand", "solde", "balance", "totaal", "totale", "totais", "suma",
          "summa", "celkem", "součet", "anfangssaldo", "endsaldo", "opening balance", "closing balance", "eindsaldo",
          "beginsaldo", "saldo inicial", "saldo final", "saldo iniziale", "saldo finale", "alter kontostand",
          "neuer kontostand", "end of", "***")  # fmt: skip
