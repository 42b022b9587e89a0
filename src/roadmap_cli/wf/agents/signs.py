"""What in the words of a log, or in the name of a metric, speaks for which sort of cause."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Sorts of causes in words for a person; what is found is one of these.
SORTS: Mapping[str, str] = {
    "bad_deploy": "a deployment that brought a fault",
    "config_change": "a change of configuration",
    "disk_full": "a disk that is full",
    "memory_leak": "memory that ran out",
    "certificate_expiry": "a certificate that is not valid any more",
    "dependency_down": "a service that is down",
    "noisy_neighbour": "a neighbour on the same machine that takes its resources",
    "connections_exhausted": "a pool or a limit of connections that is used up",
    "name_resolution": "names that are not resolved",
    "locks": "transactions that wait for each other",
    "rate_limit": "a limit of requests that is reached",
    "fault": "a fault of its own",
}

#: Words of a log line that tell the sort itself.
_SPECIFIC: tuple[tuple[str, str], ...] = (
    ("disk_full",
     r"no space left|enospc|disk (?:is |was )?(?:full|exhausted)|(?:disk|storage|volume|filesystem|file system"
     r"|partition)"
     r"\b.{0,40}\b(?:full|100 ?%|exhausted|exceeded|usage (?:above|over|at) 9[5-9])|quota exceeded.{0,20}disk"
     r"|disk quota"
     r"|could not extend|not enough (?:disk |free )?space|insufficient (?:disk|storage|free space)|errno[ =:]?28\b"
     r"|low (?:on )?disk|out of (?:disk|storage)|watermark .{0,20}exceeded"),
    ("memory_leak",
     r"out ?of ?memory|\boom\b|oom[-_ ]?kill|cannot allocate memory|enomem|heap (?:space|limit|out)|gc overhead"
     r"|bad_alloc"
     r"|memory (?:limit|cgroup|exhausted|pressure|allocation)|allocation failed|malloc.{0,20}fail|memoryerror"
     r"|exit(?:ed)?(?: with)?(?: code| status)?[ :=]?137|rss (?:exceed|above|over)|mark-sweep|full gc"
     r"|killed process"),
    ("certificate_expiry",
     r"certificate .{0,60}(?:expired|not valid|invalid|out of date)|expired certificate|x509|pkix"
     r"|certificate[_ ]verify[_ ]failed"
     r"|cert(?:ificate)?_?(?:has_)?expired|notafter|not after|validity (?:period )?(?:ended|over)"
     r"|certificate is not yet valid"
     r"|(?:ssl|tls).{0,20}handshake.{0,40}(?:certificate|expired)|cert .{0,20}expired|alert certificate"),
    ("name_resolution",
     r"nxdomain|servfail|could not resolve|name or service not known|temporary failure in name resolution|getaddrinfo"
     r"|unknown host|no such host|enotfound|dns (?:lookup|resolution)"),
    ("connections_exhausted",
     r"too many (?:open )?connections|too many clients|connection pool.{0,30}(?:exhausted|timeout|full)"
     r"|pool (?:is )?exhausted"
     r"|remaining connection slots|max(?:imum)?[_ ]?connections|too many open files|emfile|no free connection"
     r"|unable to acquire .{0,20}connection|queuepool limit"),
    ("locks", r"deadlock|lock wait timeout|could not obtain lock|lock timeout|waiting for .{0,20}lock"
    r"|database is locked"),
    ("rate_limit", r"rate limit|too many requests|(?:http|status|code|answered|returned)\W{0,4}429\b"
    r"|throttlingexception|quota (?:exceeded|exhausted) for"),
    ("noisy_neighbour",
     r"cpu steal|steal(?:ing)? time|cgroup.{0,20}throttl|cpu throttl|throttled.{0,30}(?:cpu|cfs|period)"
     r"|noisy neighbou?r"
     r"|i/?o (?:wait|latency).{0,20}(?:high|above)|run ?queue|scheduler (?:delay|latency)|cpu (?:starv|pressure"
     r"|contention)"
     r"|starved|psi (?:cpu|io)|disk latency|(?:host|node) (?:is )?(?:overloaded|saturated|contended)"
     r"|event loop (?:lag|block)"),
    ("config_change",
     r"(?:invalid|unknown|missing|unrecogni[sz]ed|unexpected|bad|illegal|unsupported) (?:value|setting|option"
     r"|config\w*|parameter"
     r"|key|environment variable|property|flag|argument)|config(?:uration)? (?:error|invalid|is invalid"
     r"|validation|parse|could not)"
     r"|failed to (?:parse|load|read|apply) (?:the )?(?:new )?(?:config\w*|settings)"
     r"|environment variable .{0,40}(?:not set|missing|unset)"
     r"|(?:not set|undefined) .{0,20}(?:setting|variable)|feature (?:flag|toggle)|malformed .{0,20}(?:config"
     r"|settings|url)"
     r"|password authentication failed|access denied for user|invalid (?:credentials|api key)|no such (?:bucket"
     r"|queue|topic|index)"),
    ("bad_deploy",
     r"nullpointer|null pointer|typeerror|attributeerror|keyerror|nameerror|importerror|modulenotfound"
     r"|is not a function"
     r"|undefined (?:method|is not|property|reference)|cannot read propert|nosuchmethod|no such method"
     r"|nomethoderror|classnotfound"
     r"|classcast|(?:column|relation|table|field) .{0,40}(?:does not exist|not found|unknown)|unknown column"
     r"|index out of (?:range|bounds)"
     r"|segmentation fault|panic: |unhandled (?:exception|rejection|error)|assertion ?(?:failed|error)"
     r"|illegalstate|illegalargument"
     r"|schema (?:mismatch|version)|migration .{0,30}fail|deseriali[sz]ation|unmarshal|unexpected token"
     r"|traceback|nil pointer"
     r"|incompatible|valueerror|uncaught"),
)  # fmt: skip
SPECIFIC = tuple((sort, re.compile(pattern, re.IGNORECASE)) for sort, pattern in _SPECIFIC)

#: Words of a line that says somebody else does not answer.
BLAMING = re.compile(
    r"connection (?:refused|reset|timed out|closed|aborted|error|failed|attempt)|econnrefused|econnreset"
    r"|etimedout|no route to host"
    r"|(?:host|network|upstream|service|server|backend|peer|target|endpoint) .{0,30}(?:unreachable|unavailable"
    r"|down|not respond|refused|did not)"
    r"|unreachable|timed? ?out|timeout|deadline exceeded|no healthy|bad gateway|service unavailable|gateway timeout"
    r"|(?:http|status|code|answered|returned|got|with)\W{0,4}50[0234]\b|\(50[0234]\)"
    r"|broken pipe|circuit (?:breaker )?.{0,20}open|could not connect|failed to connect|cannot connect"
    r"|unable to connect"
    r"|connect(?:ion)? (?:to .{0,60} )?failed|(?:call|request|query|fetch\w*|lookup|dial) .{0,60}(?:failed"
    r"|error|aborted|gave up)"
    r"|failed (?:to (?:call|fetch|reach|query|get)|calling|fetching)|retries? (?:exhausted|failed)|giving up"
    r"|answered 5\d\d|returned 5\d\d"
    r"|unexpected (?:eof|status)|lost connection|server closed|no response|not responding|slow (?:response"
    r"|answer)|handshake",
    re.IGNORECASE,
)  # fmt: skip
#: Words of a line with which a service ends or begins.
ENDING = re.compile(
    r"\b(?:shutting down|shut down|sigterm|sigkill|terminated|exited|stopp(?:ed|ing)|crash(?:ed|loop\w*)?"
    r"|killed|process ended"
    r"|server stopped|going down|aborting)\b", re.IGNORECASE,
)  # fmt: skip

#: Words in the name of a metric and what it then measures.
METRICS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("disk", re.compile(r"disk.{0,12}(?:used|usage|full|ratio|percent)|filesystem|fs_used|volume"
    r"|storage.{0,8}used", re.I)),
    ("disk_free", re.compile(r"disk.{0,12}(?:free|avail)|fs_(?:avail|free)|bytes_free", re.I)),
    ("memory", re.compile(r"mem(?:ory)?\b|memory|heap|rss|resident|working_set|gc_", re.I)),
    ("steal", re.compile(r"steal|throttl|psi|pressure|iowait|io_wait|run_?queue|sched|load(?:avg|\d|_)", re.I)),
    ("cpu", re.compile(r"cpu|processor", re.I)),
    ("io", re.compile(r"iops|disk.{0,6}(?:read|write|io)|io_|network_|bytes_(?:in|out)|throughput", re.I)),
    ("up", re.compile(r"\bup\b|_up\b|healthy|alive|available(?:_replicas)?|replicas_ready|probe_success", re.I)),
    ("certificate", re.compile(r"cert.{0,20}(?:expir|days|notafter|valid)", re.I)),
    ("connections", re.compile(r"connections?|pool|fds|file_desc", re.I)),
    ("latency", re.compile(r"latency|duration|response_time|p9\d|seconds|_ms\b", re.I)),
    ("errors", re.compile(r"error|fail|5xx|exception|4xx", re.I)),
    ("traffic", re.compile(r"requests?|rps|qps|traffic|rate", re.I)),
)  # fmt: skip


def sort_of(text: str) -> str | None:
    """The sort of cause that the words of a line tell, or None."""
    return next((sort for sort, pattern in SPECIFIC if pattern.search(text)), None)


def measures(name: str) -> str | None:
    """What a metric measures by its name, or None."""
    return next((what for what, pattern in METRICS if pattern.search(name)), None)
