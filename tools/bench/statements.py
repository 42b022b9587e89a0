"""Statements: transactions a second of CPU beside ofxtools and mt-940 on the same files in the same run;
memory at 200 MB of CAMT and CSV. Prints one JSON record for each figure.

usage: tools/bench/statements.py [TRANSACTIONS [MEGABYTES]]
"""

from __future__ import annotations

import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from helping import tell_help

NOW = datetime(2026, 11, 23, tzinfo=UTC)
READER = """
import sys, resource

from datetime import UTC, datetime
from roadmap_cli.life.ingest import reading
from roadmap_cli.life.opening.settings import Settings, Window
now = datetime(2026, 11, 23, tzinfo=UTC)
with reading.opened(sys.argv[1], 0) as opened:
    source = reading.source_of(opened)
    count = sum(1 for _ in reading.items(opened, source, Settings("UTC", Window(now, now))))
used = resource.getrusage(resource.RUSAGE_SELF)
with open("/proc/self/status") as status:  # ru_maxrss would have the parent's
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
print(count, peak // 1024, used.ru_utime + used.ru_stime)
"""


def days(count: int) -> Iterator[tuple[int, date]]:
    for number in range(count):
        yield number, date(2001, 1, 1) + timedelta(days=number * 9000 // max(count, 1))


def ofx(count: int) -> bytes:
    rows = "".join(
        f"<STMTTRN><TRNTYPE>POS<DTPOSTED>{day:%Y%m%d}120000[+1:CET]<TRNAMT>-{number % 900}.{number % 90 + 10}<FITID>{number}"
        f"<NAME>Payee {number % 50}<MEMO>Memo {number}</STMTTRN>\n"
        for number, day in days(count)
    )
    return (
        "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nSECURITY:NONE\nENCODING:USASCII\nCHARSET:1252\nCOMPRESSION:NONE\n"
        "OLDFILEUID:NONE\nNEWFILEUID:NONE\n\n<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS>"
        "<DTSERVER>20260101<LANGUAGE>ENG</SONRS></SIGNONMSGSRSV1><BANKMSGSRSV1><STMTTRNRS><TRNUID>1<STATUS><CODE>0"
        "<SEVERITY>INFO</STATUS><STMTRS><CURDEF>EUR<BANKACCTFROM><BANKID>1<ACCTID>2<ACCTTYPE>CHECKING</BANKACCTFROM>"
        f"<BANKTRANLIST><DTSTART>20010101<DTEND>20260101\n{rows}</BANKTRANLIST><LEDGERBAL><BALAMT>1.00<DTASOF>20260101"
        "</LEDGERBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>"
    ).encode()


def mt940(count: int) -> bytes:
    rows = "".join(
        f":61:{day:%y%m%d}{day:%m%d}D{number % 900},{number % 90 + 10}NTRFREF{number}//BANK{number}\n"
        f":86:166?00TEXT?20SVWZ+Purpose {number}?32Payee {number % 50}\n"
        for number, day in days(count)
    )
    return f":20:X\n:25:37040044/0532013000\n:28C:1/1\n:60F:C010101EUR0,00\n{rows}:62F:C260101EUR0,00\n-\n".encode()


def camt(path: Path, megabytes: int) -> None:
    with path.open("w") as out:
        out.write(
            '<?xml version="1.0"?>\n<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt>'
            "<Acct><Id><IBAN>DE89370400440532013000</IBAN></Id><Ccy>EUR</Ccy></Acct>\n"
        )
        for number, day in days(megabytes * 3_500):
            out.write(
                f'<Ntry><Amt Ccy="EUR">{number % 900}.50</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{day}</Dt>'
                f"</BookgDt><AcctSvcrRef>R{number}</AcctSvcrRef><NtryDtls><TxDtls><Refs><EndToEndId>E{number}</EndToEndId></Refs>"
                f"<RltdPties><Cdtr><Pty><Nm>Payee {number % 50}</Nm></Pty></Cdtr></RltdPties><RmtInf><Ustrd>What for {number}</Ustrd>"
                "</RmtInf></TxDtls></NtryDtls></Ntry>\n"
            )
            if out.tell() > megabytes << 20:
                break
        out.write("</Stmt></BkToCstmrStmt></Document>\n")


def table(path: Path, megabytes: int) -> None:
    with path.open("w") as out:
        out.write("Buchungstag;Empfänger;Verwendungszweck;Betrag;Währung\n")
        for number, day in days(megabytes * 20_000):
            out.write(f"{day:%d.%m.%Y};Payee {number % 50};What for {number} and some more;-{number % 900},50;EUR\n")
            if out.tell() > megabytes << 20:
                break


def cpu(action: Callable[[], int], rounds: int = 3) -> tuple[int, float]:
    """What it counted, and the least CPU seconds of several rounds."""
    best, count = float("inf"), 0
    for _ in range(rounds):
        began = time.process_time()
        count = action()
        best = min(best, time.process_time() - began)
    return count, best


def ours(data: bytes) -> Callable[[], int]:
    from roadmap_cli.life.ingest import reading
    from roadmap_cli.life.opening.opened import Opened
    from roadmap_cli.life.opening.settings import Settings, Window

    def run() -> int:
        opened = Opened.of("f", data)
        found = reading.items(opened, reading.source_of(opened), Settings("UTC", Window(NOW, NOW)))
        return sum(1 for item in found if isinstance(item, dict) and item["kind"] == "life.transaction")

    return run


def ofxtools(data: bytes) -> int:
    from ofxtools.Parser import OFXTree

    tree = OFXTree()
    tree.parse(io.BytesIO(data))
    return sum(len(statement.transactions) for statement in tree.convert().statements)


def library_mt940(data: bytes) -> int:
    import mt940 as library

    found = library.models.Transactions()
    found.parse(data.decode())
    return len(found)


def say(name: str, **values: object) -> None:
    print(json.dumps({"kind": "bench.figure", "name": name, **values}), flush=True)


def main() -> None:
    """Measure, and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    megabytes = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    for name, data, peer, read in (
        ("ofx", ofx(count), "ofxtools", ofxtools),
        ("mt940", mt940(count), "mt-940", library_mt940),
    ):
        found, seconds = cpu(ours(data))
        assert found == count, (name, found)
        say(f"{name}_transactions_per_cpu_s", who="roadmap", value=round(count / seconds), transactions=count)
        try:
            found, seconds = cpu(lambda read=read, data=data: read(data), 1)  # type: ignore[misc]
        except ImportError:
            print(f"{peer} is not installed: no peer for {name}", file=sys.stderr)
            continue
        say(f"{name}_transactions_per_cpu_s", who=peer, value=round(count / seconds), transactions=found)
    with tempfile.TemporaryDirectory() as folder:
        for name, write in (("camt", camt), ("csv", table)):
            for size in (max(megabytes // 10, 1), megabytes):
                path = Path(folder, f"{name}{size}")
                write(path, size)
                done = subprocess.run(
                    [sys.executable, "-c", READER, str(path)], capture_output=True, text=True, check=True
                )
                items, peak, seconds = done.stdout.split()
                say(f"{name}_memory_mb", megabytes=size, value=int(peak), items=int(items),
                    per_cpu_s=round(int(items) / float(seconds)))  # fmt: skip
                path.unlink()


if __name__ == "__main__":
    tell_help(__doc__)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
