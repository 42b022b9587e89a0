"""What the programs of a shell do: a table to be read, and added to.

``program | use use …``: each use is ``verb:operands``. Operands are the words that are no options: ``all``, ``first``,
``last``, ``but-first``, ``but-last``, ``-`` for nothing in particular. ``!`` behind a program: that it runs at all is
a process of its own, and has to be asked.
"""

from __future__ import annotations

from functools import cache

_TABLE = """
cat tac less more nl od xxd hexdump strings wc sort uniq cut paste rev fold diff cmp comm column zcat bzcat | read:all
md5sum sha1sum sha224sum sha256sum sha384sum sha512sum cksum sum b2sum base64 base32 file gunzip bat view | read:all
head tail jq grep egrep fgrep rg ag awk gawk mawk sed perl-script | special:-
ls dir vdir tree du | list:all
stat readlink realpath test [ [[ lsattr getfacl | stat:operands
find fd locate | special:-
tee sponge | write:all
touch mkdir mkfifo mknod truncate mktemp-dir | make:all
rm | special:-
unlink shred srm wipe | delete:all
rmdir | delete:all
mv rename | special:-
cp install scp-local ditto | special:-
ln | special:-
chmod chown chgrp setfacl chattr | mode:but-first
dd | special:-
tar unzip zip gzip bzip2 xz 7z cpio | special:-
patch split csplit | read:all
source . | special:-
curl wget fetch aria2c axel http https httpie lynx w3m links elinks | special:-
nc ncat netcat socat telnet ftp tftp sftp ssh mosh rsh rlogin autossh sshpass | special:-
scp rsync | special:-
ping ping6 traceroute tracepath mtr nslookup dig host whois arping fping hping3 getent | lookup:first
nmap masscan zmap tcpdump tshark wireshark dumpcap ettercap arpspoof dsniff ngrep iftop | sniff:-
openssl | special:-
git hg svn | special:-
pip pip2 pip3 pipx uv conda mamba poetry easy_install npm npx yarn pnpm gem cargo go composer brew | special:-
apt apt-get aptitude dpkg yum dnf rpm zypper pacman apk snap flatpak emerge | special:-
kill pkill killall killall5 xkill skill snice tkill | kill:-
renice ionice chrt taskset cpulimit | kill:-
systemctl service initctl launchctl rc-service supervisorctl pm2 | special:-
ps top htop pgrep pidof lsof fuser netstat ss who w last lastb lastlog users finger vmstat iostat sar mpstat | inspect:-
pstree ifconfig ip iw iwconfig route arp dmesg journalctl lspci lsusb lsblk blkid lsmod lshw dmidecode | inspect:-
sensors | inspect:-
free uptime ipcs nvidia-smi acpi loginctl hostnamectl timedatectl getenforce sestatus auditctl pmap strace | inspect:-
ltrace gdb perf bpftrace | kill:-
uname hostname id whoami groups logname nproc arch lscpu df tty locale getconf lsb_release | machine:-
printenv env export set declare | special:-
sudo su doas pkexec gosu runuser setpriv setsid-root | special:-
chroot unshare nsenter setcap capsh mount umount losetup cryptsetup insmod modprobe rmmod kexec | privilege:-
iptables ip6tables nft ufw firewall-cmd useradd userdel usermod groupadd groupdel adduser deluser passwd | privilege:-
chpasswd visudo newgrp gpasswd chsh chfn vipw setenforce apparmor_parser docker podman nerdctl kubectl lxc | privilege:-
machinectl systemd-nspawn systemd-run bwrap firejail | privilege:-
sysctl | special:-
shutdown reboot halt poweroff init telinit swapoff swapon wipefs fdisk sfdisk parted mkswap hdparm | control:-
xrandr brightnessctl amixer setterm rfkill nmcli | control:-
crontab at batch atrm incrontab anacron | special:-
update-rc.d chkconfig rc-update ssh-copy-id | persist:-
ssh-keygen ssh-add gpg gpg2 pass secret-tool keyctl | secret:-
history fc | special:-
eval sh bash dash ash ksh zsh fish csh tcsh busybox | special:-
python python2 python3 pypy pypy3 ipython perl ruby node nodejs php lua tclsh osascript deno bun java | special:-
xargs parallel nohup timeout nice stdbuf setsid time exec command builtin watch script env-run flock | special:-
chronic ts | special:-
xdotool xinput xev scrot import maim gnome-screenshot arecord parecord fswebcam logkeys screencapture xsel | capture:-
xclip | capture:-
pbpaste pbcopy wl-copy wl-paste | capture:-
alias trap | special:-
make gmake ninja cmake ctest pytest py.test tox nox unittest mypy ruff flake8 pylint black isort tsc | build:-
gcc g++ cc c++ clang clang++ rustc javac ld ar as | build:-
echo printf true false : cd pushd popd pwd unset local typeset readonly shift return exit break | none:-
continue read wait sleep usleep date seq expr let basename dirname tr yes type which whereis hash getopts umask | none:-
ulimit unalias jobs fg bg disown clear reset tput stty bc dc factor cal numfmt mktemp tsort shuf shopt enable | none:-
mapfile readarray suspend times logger test-none compgen complete caller dirs pathchk printf fmt pr expand | none:-
unexpand iconv envsubst gettext tic infocmp cls figlet cowsay man info help uuidgen | none:-
"""

#: Options that take a value in the next word, for programs whose operands matter.
VALUED = {
    "head": "ncs", "tail": "ncs", "grep": "eABCm", "egrep": "eABCm", "fgrep": "eABCm", "rg": "eABCgtT", "sort": "kot",
    "cut": "dfcb", "awk": "vFf", "gawk": "vFf", "mawk": "vFf", "sed": "ef", "touch": "drt", "mkdir": "m",
    "install": "mogtS",
    "cp": "tS", "mv": "tS", "ln": "tS", "truncate": "sr", "shred": "ns", "ls": "ITw", "stat": "cf", "tree": "LPI",
    "du": "dB",
    "xargs": "IinLPsdEa", "timeout": "ks", "nice": "n", "chmod": "", "chown": "", "mknod": "m", "mkfifo": "m",
    "curl": "AbcCdDeEFhHKmorTuUwXxyYzQ", "wget": "aoOPUtTQ", "ssh": "bcDEeFIiJLlmOopQRSWw", "scp": "cFiloPS",
    "nc": "IiLOPpqsTVwXxe",
    "base64": "w", "split": "abln", "patch": "pdiBorF", "dig": "bcfkpqtxy", "ping": "cIisWw", "sudo": "CDghpRTtuUr",
    "su": "cgGs",
    "env": "uCS", "rsync": "eBf", "nslookup": "", "host": "ctW", "jq": "LfF", "find": "", "flock": "wE", "tee": "",
}  # fmt: skip
#: Words of package managers that only look.
HARMLESS_WORDS = {
    "git": {"status", "log", "diff", "show", "branch", "rev-parse", "describe", "ls-files", "add", "commit",
    "checkout", "switch",
            "stash", "tag", "blame", "grep", "init", "config", "rev-list", "merge-base", "cat-file", "shortlog",
            "apply", "mv",
            "restore", "reset", "merge", "rebase", "worktree", "symbolic-ref", "for-each-ref", "update-index",
            "name-rev",
            "hash-object", "notes", "cherry-pick", "revert", "bisect", "version", "help", "reflog", "archive", "am"},
    "hg": {"status", "log", "diff", "id", "identify", "parents", "branch", "root"}, "svn": {"status", "info", "diff",
    "log"},
    "pip": {"list", "show", "freeze", "check", "--version", "help", "debug", "config", "cache", "inspect"},
    "npm": {"test", "run", "run-script", "ls", "list", "--version", "start", "version", "help", "pack"},
    "yarn": {"test", "run", "list", "--version", "build", "lint"}, "pnpm": {"test", "run", "list", "--version"},
    "cargo": {"build", "test", "check", "clippy", "fmt", "run", "bench", "doc", "clean", "tree", "--version",
    "metadata"},
    "go": {"build", "test", "vet", "fmt", "run", "version", "env", "list", "clean", "doc", "tool", "generate"},
    "poetry": {"run", "check", "version", "show", "build", "--version"}, "uv": {"run", "tree", "version",
    "--version", "lock"},
    "conda": {"list", "info", "--version"}, "dpkg": {"-l", "-L", "-s", "-S", "--list", "--print-architecture",
    "--version"},
    "rpm": {"-q", "-qa", "-ql", "--version"}, "apt": {"list", "show", "--version"}, "snap": {"list"},
    "brew": {"list", "--prefix"},
    "gem": {"list", "--version", "env"}, "npx": {"--version"}, "systemctl": {"status", "is-active", "list-units",
    "is-enabled", "show"},
    "service": {"--status-all"}, "openssl": {"dgst", "version", "rand", "enc", "x509", "req", "genrsa", "genpkey",
    "rsa", "pkey"},
}  # fmt: skip
INSTALLERS = frozenset(
    {"pip", "pip2", "pip3", "pipx", "uv", "conda", "mamba", "poetry", "easy_install", "npm", "npx", "yarn", "pnpm",
     "gem", "cargo", "go", "composer", "brew", "apt", "apt-get", "aptitude", "dpkg", "yum", "dnf", "rpm", "zypper",
     "pacman", "apk", "snap", "flatpak", "emerge"}
)  # fmt: skip
SHELLS = frozenset(
    {"sh", "bash", "dash", "ash", "ksh", "zsh", "fish", "csh", "tcsh"}
)  # fmt: skip
INTERPRETERS = {"python": "-c", "python2": "-c", "python3": "-c", "pypy": "-c", "pypy3": "-c", "ipython": "-c",
    "perl": "-e",
                "ruby": "-e", "node": "-e", "nodejs": "-e", "php": "-r", "lua": "-e", "osascript": "-e", "deno": "eval",
                "bun": "-e", "tclsh": "", "java": ""}  # fmt: skip
WRAPPERS = frozenset(
    {"xargs", "parallel", "nohup", "timeout", "nice", "stdbuf", "setsid", "time", "exec", "command", "builtin",
     "watch", "flock", "chronic", "ts"}
)  # fmt: skip


@cache
def uses(program: str) -> tuple[tuple[str, str], ...] | None:
    """What a program does, as (verb, operands); None for one the table has not."""
    return _read().get(program)


@cache
def _read() -> dict[str, tuple[tuple[str, str], ...]]:
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for line in _TABLE.splitlines():
        names, bar, told = line.partition(" | ")
        if bar:
            these = tuple((verb, operands) for verb, _, operands in (use.partition(":") for use in told.split()))
            for name in names.split():
                found[name] = these
    return found
