"""The capabilities, and which names of Python's world bring them: a table to be read, and added to.

A line of `_TABLE` is ``names | uses``. A name is spelled out from its module; ``*`` stands for one part of it, ``**``
for any number. Each use is ``verb place``: the verb says what is done, the place which argument it is done to:
``0/path`` is the first one or the one named path, ``self`` what a method is called on, ``-`` nothing in particular.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

#: Each capability and what having it means, for a person.
CAPABILITIES = {
    "filesystem_read": "reads files outside the project",
    "filesystem_write": "writes files outside the project",
    "filesystem_delete": "deletes or moves files outside the project",
    "filesystem_permissions": "changes modes or owners of files",
    "network": "talks to other machines, or listens",
    "process": "runs programs",
    "process_control": "stops or steers other processes",
    "system_inspect": "looks at processes, users or devices of the machine",
    "system_control": "restarts, reconfigures or wears out the machine",
    "environment": "reads variables of the environment",
    "secrets": "reads passwords, keys or tokens",
    "privilege": "becomes another user, or leaves its confines",
    "persistence": "plants what runs later",
    "native": "runs machine code that cannot be looked into",
    "input_capture": "watches keyboard, screen, camera or microphone",
    "unknown": "does what can only be told when it runs",
}


@dataclass(frozen=True, slots=True)
class Verb:
    """What a use does: the capability, how grave it is at most, whether it asks by itself, and its words."""

    capability: str
    severity: str
    asks: bool
    words: str
    takes: str = "nothing"  # nothing, path, host, argv, shell, code, variable, module


VERBS = {
    "read": Verb("filesystem_read", "medium", False, "reads", "path"),
    "list": Verb("filesystem_read", "medium", False, "lists", "path"),
    "stat": Verb("filesystem_read", "medium", False, "looks at", "path"),
    "write": Verb("filesystem_write", "medium", False, "writes", "path"),
    "make": Verb("filesystem_write", "medium", False, "makes", "path"),
    "link": Verb("filesystem_read", "medium", False, "links to", "path"),
    "delete": Verb("filesystem_delete", "high", False, "deletes", "path"),
    "clear": Verb("filesystem_delete", "high", False, "deletes all in", "path"),
    "move": Verb("filesystem_delete", "high", False, "moves away", "path"),
    "mode": Verb("filesystem_permissions", "medium", False, "changes mode or owner of", "path"),
    "connect": Verb("network", "medium", True, "connects to", "host"),
    "lookup": Verb("network", "low", True, "asks the name service for", "host"),
    "listen": Verb("network", "high", True, "listens on", "host"),
    "socket": Verb("network", "medium", True, "opens a socket"),
    "sniff": Verb("network", "high", True, "reads other programs' traffic"),
    "run": Verb("process", "medium", True, "runs", "argv"),
    "shell": Verb("process", "high", True, "runs a shell command", "shell"),
    "fork": Verb("process", "medium", True, "forks"),
    "become": Verb("process", "high", True, "becomes the program", "argv"),
    "kill": Verb("process_control", "high", True, "stops or signals processes"),
    "steer": Verb("process_control", "low", False, "changes how its process runs"),
    "inspect": Verb("system_inspect", "medium", True, "looks at the machine's processes, users or load"),
    "machine": Verb("system_inspect", "low", False, "asks what machine it runs on"),
    "variable": Verb("environment", "low", False, "reads the variable", "variable"),
    "environment": Verb("environment", "medium", True, "reads the whole environment"),
    "set_variable": Verb("environment", "low", False, "sets the variable", "variable"),
    "secret": Verb("secrets", "high", True, "reads stored passwords"),
    "privilege": Verb("privilege", "high", True, "changes user, root or confines"),
    "control": Verb("system_control", "high", True, "controls the machine"),
    "code": Verb("unknown", "high", True, "runs code", "code"),
    "compile": Verb("unknown", "medium", True, "compiles code", "code"),
    "unpickle": Verb("unknown", "high", True, "runs what serialised data say"),
    "import": Verb("unknown", "medium", True, "loads the module", "module"),
    "foreign_code": Verb("unknown", "high", True, "runs code from a file or a person"),
    "native": Verb("native", "high", True, "loads machine code"),
    "capture": Verb("input_capture", "high", True, "watches keyboard, screen, camera or microphone"),
    "persist": Verb("persistence", "high", True, "plants what runs later"),
}

_TABLE = """
os.remove os.unlink | delete 0/path
os.rmdir os.removedirs | delete 0/name
os.rename os.renames os.replace | move 0/src, write 1/dst
os.mkdir os.makedirs os.mkfifo os.mknod | make 0/path
os.link os.symlink | link 0/src, make 1/dst
os.truncate | write 0/path
os.listdir os.scandir os.walk os.fwalk | list 0/path
os.stat os.lstat os.access os.readlink os.statvfs os.getxattr os.listxattr | stat 0/path
os.path.exists os.path.lexists os.path.isfile os.path.isdir os.path.islink os.path.ismount | stat 0/path
os.path.getsize os.path.getmtime os.path.getatime os.path.getctime os.path.samefile | stat 0/path
os.chmod os.lchmod os.chown os.lchown os.chflags os.setxattr os.removexattr os.utime | mode 0/path
os.chdir | stat 0/path
os.chroot os.setuid os.setgid os.seteuid os.setegid os.setreuid os.setregid os.setresuid os.setresgid | privilege -
os.setgroups os.initgroups os.unshare os.setns os.pivot_root | privilege -
os.system os.popen os.popen2 os.popen3 os.popen4 | shell 0/command
commands.getoutput commands.getstatusoutput subprocess.getoutput subprocess.getstatusoutput | shell 0/cmd
os.execl os.execle os.execlp os.execlpe os.execv os.execve os.execvp os.execvpe | become 0/file
os.spawnl os.spawnle os.spawnlp os.spawnlpe os.spawnv os.spawnve os.spawnvp os.spawnvpe | run 1/file
os.posix_spawn os.posix_spawnp | run 0/path
os.startfile | run 0/path
os.fork os.forkpty pty.fork | fork -
pty.spawn | run 0/argv
os.kill os.killpg signal.pthread_kill signal.pidfd_send_signal | kill -
os.nice os.setpriority os.sched_setaffinity os.sched_setscheduler resource.setrlimit | steer -
os.sched_setparam signal.alarm signal.setitimer | steer -
os.getenv os.environ.get os.environ.pop os.environ.setdefault os.getenvb os.environb.get | variable 0/key
os.putenv os.unsetenv | set_variable 0/name
os.getloadavg | inspect -
os.getlogin os.uname platform.* psutil.cpu_count psutil.boot_time | machine -
platform.popen | shell 0/cmd
os.reboot | control -
posix.system nt.system posix.popen | shell 0/command
posix.remove posix.unlink posix.rmdir nt.remove | delete 0/path

builtins.exec builtins.eval | code 0/source
builtins.compile | compile 0/source
builtins.__import__ importlib.import_module importlib.__import__ imp.load_module imp.find_module | import 0/name
importlib.reload | steer -
runpy.run_path | foreign_code 0/path_name
runpy.run_module | import 0/mod_name
builtins.execfile imp.load_source imp.load_compiled imp.load_dynamic | foreign_code -
importlib.util.spec_from_file_location importlib.machinery.SourceFileLoader | foreign_code -
importlib.machinery.ExtensionFileLoader importlib.machinery.SourcelessFileLoader | foreign_code -
builtins.breakpoint zipimport.zipimporter importlib.util.spec_from_loader | foreign_code -
code.interact code.InteractiveConsole code.InteractiveInterpreter code.InteractiveConsole.interact | foreign_code -
code.InteractiveConsole.runcode | foreign_code -
codeop.compile_command timeit.timeit timeit.repeat timeit.Timer | code 0/stmt
cProfile.run profile.run trace.Trace.run pdb.run bdb.Bdb.run | code 0/statement
types.FunctionType types.CodeType types.LambdaType | foreign_code -
sys.settrace sys.setprofile | steer -
logging.config.listen | listen -

pickle.load pickle.loads pickle.Unpickler cPickle.load cPickle.loads _pickle.load _pickle.loads | unpickle 0/file
dill.load dill.loads cloudpickle.load cloudpickle.loads jsonpickle.decode jsonpickle.loads | unpickle 0/file
marshal.load marshal.loads | unpickle 0/file
shelve.open | unpickle 0/filename
joblib.load torch.load pandas.read_pickle numpy.lib.npyio.NpzFile sklearn.externals.joblib.load | unpickle 0/file
pandas.DataFrame.query pandas.eval numexpr.evaluate | code 0/expr
xmlrpc.client.loads | steer -

socket.socket | socket -
socket.create_connection | connect 0/address
socket.create_server | listen 0/address
socket.socket.connect socket.socket.connect_ex socket.socket.sendto | connect 0/address
socket.socket.bind | listen 0/address
socket.socket.send socket.socket.sendall socket.socket.listen socket.socket.accept | socket -
socket.gethostbyname socket.gethostbyname_ex socket.getaddrinfo socket.gethostbyaddr socket.getfqdn | lookup 0/host
socket.getnameinfo | lookup -
socket.gethostname | machine -
asyncio.open_connection | connect 0/host
asyncio.open_unix_connection asyncio.start_unix_server | socket -
asyncio.start_server | listen 1/host
asyncio.create_subprocess_exec | run 0/program
asyncio.create_subprocess_shell | shell 0/cmd
asyncio.subprocess.create_subprocess_exec | run 0/program
asyncio.subprocess.create_subprocess_shell | shell 0/cmd
urllib.request.urlopen urllib.request.Request urllib2.urlopen urllib2.Request | connect 0/url
urllib.request.urlretrieve urllib.urlretrieve wget.download | connect 0/url, write 1/filename
SimpleXMLRPCServer.SimpleXMLRPCServer xmlrpc.server.SimpleXMLRPCServer | listen 0/addr
pyghmi.ipmi.command.Command pysnmp.hlapi.** ldap3.Connection nfs.** pyVmomi.** winrm.** | connect -
hvac.Client consul.Consul etcd3.client kazoo.client.KazooClient elasticsearch.Elasticsearch | connect -
sqlalchemy.create_engine peewee.*Database | steer -
urllib.urlopen urllib.request.URLopener.* urllib.request.FancyURLopener.* | connect 0/url
urllib.request.build_opener.open urllib.request.OpenerDirector.open | connect 0/fullurl
http.client.HTTPConnection http.client.HTTPSConnection httplib.HTTPConnection httplib.HTTPSConnection | connect 0/host
requests.get requests.post requests.put requests.delete requests.head requests.patch requests.options | connect 0/url
requests.request requests.api.request | connect 1/url
requests.api.* requests.Session.get requests.Session.post requests.Session.put requests.Session.delete | connect 0/url
requests.Session.head requests.Session.patch requests.Session.options requests.session.get | connect 0/url
requests.session.post requests.session.put requests.session.head | connect 0/url
requests.Session.request requests.session.request | connect 1/url
requests.Session.send requests.adapters.HTTPAdapter.send | connect -
httpx.get httpx.post httpx.put httpx.delete httpx.head httpx.patch httpx.options | connect 0/url
httpx.request httpx.stream httpx.Client.request httpx.AsyncClient.request httpx.Client.stream | connect 1/url
httpx.Client.get httpx.Client.post httpx.Client.put httpx.Client.delete httpx.Client.head | connect 0/url
httpx.Client.patch | connect 0/url
httpx.AsyncClient.get httpx.AsyncClient.post httpx.AsyncClient.put httpx.AsyncClient.delete | connect 0/url
aiohttp.ClientSession.get aiohttp.ClientSession.post aiohttp.ClientSession.put | connect 0/url
aiohttp.ClientSession.delete | connect 0/url
aiohttp.ClientSession.head aiohttp.ClientSession.ws_connect | connect 0/url
aiohttp.request aiohttp.ClientSession.request | connect 1/url
aiohttp.web.run_app | listen -
urllib3.request | connect 1/url
urllib3.PoolManager.request urllib3.PoolManager.urlopen urllib3.HTTPConnectionPool.request | connect 1/url
urllib3.HTTPConnectionPool urllib3.HTTPSConnectionPool urllib3.connection_from_url | connect 0/host
pycurl.Curl pycurl.Curl.perform | connect 0/url
ftplib.FTP ftplib.FTP_TLS ftplib.FTP.connect ftplib.FTP_TLS.connect | connect 0/host
smtplib.SMTP smtplib.SMTP_SSL smtplib.LMTP smtplib.SMTP.connect | connect 0/host
poplib.POP3 poplib.POP3_SSL imaplib.IMAP4 imaplib.IMAP4_SSL nntplib.NNTP telnetlib.Telnet | connect 0/host
xmlrpc.client.ServerProxy xmlrpc.client.Server xmlrpclib.ServerProxy | connect 0/uri
paramiko.SSHClient.connect paramiko.Transport paramiko.client.SSHClient.connect | connect 0/hostname
paramiko.SSHClient.exec_command fabric.Connection fabric.api.run pysftp.Connection asyncssh.connect | connect 0/host
websocket.create_connection websocket.WebSocketApp websockets.connect websockets.client.connect | connect 0/url
websockets.serve | listen 1/host
socketserver.TCPServer socketserver.UDPServer socketserver.ThreadingTCPServer | listen 0/server_address
socketserver.ThreadingUDPServer socketserver.ForkingTCPServer SocketServer.TCPServer | listen 0/server_address
http.server.HTTPServer http.server.ThreadingHTTPServer http.server.test | listen 0/server_address
BaseHTTPServer.HTTPServer | listen 0/server_address
wsgiref.simple_server.make_server | listen 0/host
flask.Flask.run bottle.run uvicorn.run tornado.web.Application.listen gevent.pywsgi.WSGIServer waitress.serve | listen -
sanic.Sanic.run twisted.internet.reactor.listenTCP cherrypy.quickstart eventlet.listen | listen -
hypercorn.asyncio.serve | listen -
twisted.internet.reactor.connectTCP | connect 0/host
pyftpdlib.servers.FTPServer | listen 0/address_or_socket
multiprocessing.connection.Listener | listen 0/address
multiprocessing.connection.Client | connect 0/address
multiprocessing.managers.BaseManager | steer -
webbrowser.open webbrowser.open_new webbrowser.open_new_tab | connect 0/url
boto3.client boto3.resource boto3.session.Session botocore.session.get_session | connect -
google.cloud.**.Client azure.**.*Client openai.OpenAI openai.AsyncOpenAI anthropic.Anthropic openai.*.create | connect -
redis.Redis redis.StrictRedis redis.from_url pymongo.MongoClient psycopg2.connect psycopg.connect | connect -
pymysql.connect MySQLdb.connect mysql.connector.connect asyncpg.connect pika.BlockingConnection | connect -
kafka.KafkaProducer kafka.KafkaConsumer paho.mqtt.client.Client ldap.initialize ldap3.Server | connect -
cx_Oracle.connect | connect -
dns.resolver.resolve dns.resolver.query dns.resolver.Resolver | lookup 0/qname
scapy.**.sniff scapy.**.AsyncSniffer pyshark.LiveCapture pyshark.*Capture pcap.pcap pcapy.open_live | sniff -
scapy.**.send scapy.**.sendp scapy.**.sr scapy.**.sr1 scapy.**.srp scapy.**.wrpcap scapy.**.rdpcap | sniff -
scapy.**.srp1 | sniff -
nmap.PortScanner shodan.Shodan whois.whois ping3.ping speedtest.Speedtest telegram.** twilio.**.Client | connect -
slack_sdk.** | connect -
praw.Reddit tweepy.** discord.Client discord.ext.commands.Bot telebot.TeleBot youtube_dl.YoutubeDL | connect -
git.Repo.clone_from pygit2.clone_repository | connect 0/url
gdown.download huggingface_hub.hf_hub_download huggingface_hub.snapshot_download huggingface_hub.login | connect -
huggingface_hub.whoami huggingface_hub.HfApi datasets.load_dataset nltk.download kaggle.api.** yfinance.** | connect -
docker.from_env docker.DockerClient docker.APIClient | privilege -
smbclient.** impacket.** | connect -
selenium.webdriver.** playwright.** | connect -
zmq.Context grpc.insecure_channel grpc.secure_channel | connect -

psutil.process_iter psutil.pids psutil.Process psutil.net_connections psutil.net_io_counters psutil.users | inspect -
psutil.cpu_percent psutil.cpu_times psutil.virtual_memory psutil.swap_memory psutil.disk_usage psutil.* | inspect -
psutil.**.kill psutil.**.terminate psutil.**.suspend psutil.**.send_signal psutil.**.resume | kill -
GPUtil.* pynvml.* wmi.WMI cpuinfo.get_cpu_info netifaces.* ifaddr.get_adapters uptime.* | inspect -
pwd.getpwall grp.getgrall spwd.getspall spwd.getspnam utmp.* | inspect -
pwd.getpwnam pwd.getpwuid grp.getgrnam grp.getgrgid getpass.getuser os.getgroups | machine -
keyring.get_password keyring.get_credential win32crypt.CryptUnprotectData secretstorage.** browser_cookie3.* | secret -
winreg.OpenKey winreg.CreateKey winreg.QueryValueEx _winreg.OpenKey | inspect -
winreg.SetValueEx winreg.SetValue _winreg.SetValueEx | persist -
crontab.CronTab crontab.CronTab.* | persist -
syslog.openlog | steer -

ctypes.CDLL ctypes.PyDLL ctypes.WinDLL ctypes.OleDLL ctypes.cdll.** ctypes.windll.** ctypes.oledll.** | native -
ctypes.cdll.LoadLibrary ctypes.windll.LoadLibrary ctypes.pydll.* ctypes.pythonapi.* | native -
ctypes.CFUNCTYPE.* ctypes.memmove ctypes.memset ctypes.string_at ctypes.from_address ctypes.cast | native -
cffi.FFI.dlopen cffi.FFI.verify numpy.ctypeslib.load_library sqlite3.Connection.load_extension | native -
sqlite3.connect.load_extension sqlite3.connect.enable_load_extension mmap.mmap.* | native -

shutil.rmtree | clear 0/path
shutil.move | move 0/src, write 1/dst
shutil.copy shutil.copy2 shutil.copyfile | read 0/src, write 1/dst
shutil.copymode shutil.copystat | mode 1/dst
shutil.copytree | read 0/src, write 1/dst
shutil.make_archive | write 0/base_name, read 2/root_dir
shutil.unpack_archive | read 0/filename, write 1/extract_dir
shutil.chown | mode 0/path
shutil.disk_usage | stat 0/path
send2trash.send2trash | delete 0/paths
glob.glob glob.iglob glob.glob0 glob.glob1 | list 0/pathname
fileinput.input fileinput.FileInput | read 0/files
linecache.getline linecache.getlines | read 0/filename
tarfile.open tarfile.TarFile.open zipfile.PyZipFile | archive 0/name
zipfile.ZipFile tarfile.TarFile | archive 0/file
tarfile.open.extractall tarfile.open.extract zipfile.ZipFile.extractall zipfile.ZipFile.extract | write 0/path
tarfile.open.add zipfile.ZipFile.write | read 0/filename
sqlite3.connect sqlite3.dbapi2.connect dbm.open dbm.gnu.open dbm.ndbm.open dbm.dumb.open | database 0/database
configparser.ConfigParser.read configparser.RawConfigParser.read | read 0/filenames
logging.FileHandler logging.handlers.RotatingFileHandler logging.handlers.TimedRotatingFileHandler | write 0/filename
logging.handlers.WatchedFileHandler | write 0/filename
logging.basicConfig | write -/filename
logging.handlers.SocketHandler logging.handlers.DatagramHandler logging.handlers.SysLogHandler | connect 0/host
logging.handlers.HTTPHandler logging.handlers.SMTPHandler | connect 0/host
mimetypes.read_mime_types | read 0/file
pandas.read_csv pandas.read_json pandas.read_excel pandas.read_table pandas.read_parquet pandas.read_html | fetch 0/path
pandas.DataFrame.to_csv pandas.DataFrame.to_json pandas.DataFrame.to_excel pandas.DataFrame.to_pickle | write 0/path
numpy.fromfile numpy.loadtxt numpy.genfromtxt numpy.memmap | read 0/file
numpy.save numpy.savetxt numpy.savez | write 0/file
PIL.Image.open cv2.imread soundfile.read wave.open matplotlib.image.imread imageio.imread | read 0/path
cv2.imwrite matplotlib.pyplot.savefig | write 0/path
PIL.ImageGrab.grab mss.mss pyautogui.* pynput.** keyboard.* mouse.* pyscreenshot.* sounddevice.* pyaudio.* | capture -
cv2.VideoCapture pyperclip.paste pyperclip.copy win32clipboard.* evdev.** pyxhook.* Xlib.** picamera.* | capture -
tempfile.* | temporary -
py_compile.compile compileall.compile_dir compileall.compile_file | write 0/file
distutils.dir_util.remove_tree | clear 0/directory
distutils.file_util.copy_file distutils.dir_util.copy_tree | read 0/src, write 1/dst
distutils.spawn.spawn distutils.core.Command.spawn | run 0/cmd
watchdog.observers.Observer inotify.** pyinotify.** | list -
cryptography.fernet.Fernet.encrypt | steer -
pip.main pip._internal.main pip._internal.cli.main.main ensurepip.bootstrap setuptools.**.easy_install.main | connect -
pexpect.spawn pexpect.run pexpect.spawnu | shell 0/command
sh.* plumbum.** invoke.run invoke.Context.run fabric.operations.local envoy.run delegator.run | shell 0/command
ptrace.** frida.** pyrasite.** | kill -
pyarrow.fs.** fsspec.** smart_open.open | fetch 0/uri

pathlib.Path.unlink pathlib.Path.rmdir | delete self
pathlib.Path.rename pathlib.Path.replace | move self, write 0/target
pathlib.Path.mkdir pathlib.Path.touch | make self
pathlib.Path.symlink_to pathlib.Path.hardlink_to pathlib.Path.link_to | link 0/target, make self
pathlib.Path.read_text pathlib.Path.read_bytes | read self
pathlib.Path.write_text pathlib.Path.write_bytes | write self
pathlib.Path.iterdir pathlib.Path.glob pathlib.Path.rglob pathlib.Path.walk | list self
pathlib.Path.exists pathlib.Path.is_file pathlib.Path.is_dir pathlib.Path.stat pathlib.Path.lstat | stat self
pathlib.Path.is_symlink pathlib.Path.readlink pathlib.Path.owner pathlib.Path.group pathlib.Path.samefile | stat self
pathlib.Path.chmod pathlib.Path.lchmod | mode self
pathlib.Path.copy pathlib.Path.copy_into | read self, write 0/target
pathlib.Path.move pathlib.Path.move_into | move self, write 0/target
"""

#: Functions whose arguments need a closer look: `python` has code for each.
SPECIAL = {
    "builtins.open": "open", "io.open": "open", "codecs.open": "open", "_io.open": "open", "io.FileIO": "open",
    "gzip.open": "open", "bz2.open": "open", "lzma.open": "open", "gzip.GzipFile": "open", "bz2.BZ2File": "open",
    "lzma.LZMAFile": "open", "os.open": "os_open", "pathlib.Path.open": "path_open", "aiofiles.open": "open",
    "tokenize.open": "open", "io.open_code": "open", "os.fdopen": "nothing", "tarfile.open": "archive",
    "tarfile.TarFile.open": "archive", "tarfile.TarFile": "archive", "zipfile.ZipFile": "archive",
    "zipfile.PyZipFile": "archive", "zipfile.open": "nothing",
    "subprocess.run": "subprocess", "subprocess.call": "subprocess", "subprocess.check_call": "subprocess",
    "subprocess.check_output": "subprocess", "subprocess.Popen": "subprocess", "subprocess32.run": "subprocess",
    "subprocess32.Popen": "subprocess", "_posixsubprocess.fork_exec": "subprocess", "popen2.popen2": "subprocess",
    "trio.run_process": "subprocess", "anyio.run_process": "subprocess", "anyio.open_process": "subprocess",
    "builtins.getattr": "getattr", "builtins.setattr": "setattr", "builtins.vars": "nothing",
    "yaml.load": "yaml", "yaml.load_all": "yaml", "yaml.unsafe_load": "unpickle", "yaml.unsafe_load_all": "unpickle",
    "yaml.full_load": "unpickle", "ruamel.yaml.load": "yaml", "numpy.load": "numpy", "socket.socket": "socket",
    "os.environ.copy": "nothing", "os.environ.update": "nothing",
    "pandas.read_csv": "fetch", "sqlite3.connect": "database", "sqlite3.dbapi2.connect": "database",
    "jinja2.Template": "template", "mako.template.Template": "template", "jinja2.Environment.from_string": "template",
    "xml.etree.ElementTree.parse": "xml", "xml.etree.ElementTree.fromstring": "xml", "xml.etree.ElementTree.XML": "xml",
    "xml.dom.minidom.parse": "xml", "xml.dom.minidom.parseString": "xml", "xml.sax.parse": "xml",
    "xml.sax.parseString": "xml", "lxml.etree.parse": "xml", "lxml.etree.fromstring": "xml", "lxml.etree.XML": "xml",
    "webbrowser.open": "browser", "atexit.register": "nothing",
}  # fmt: skip
#: Verbs that `python` turns into others by what their argument is.
LOOSE = {"archive": "read", "database": "write", "fetch": "read", "temporary": "make"}


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a table line: the verb, and the argument it is about (position, keyword)."""

    verb: str
    position: int | None
    keyword: str | None
    on_self: bool = False


@cache
def table() -> dict[str, tuple[Use, ...]]:
    """The names without stars, and their uses."""
    return _read()[0]


@cache
def patterns() -> dict[str, list[tuple[tuple[str, ...], tuple[Use, ...]]]]:
    """The names with stars as parts, by their first part."""
    return _read()[1]


@cache
def method_names() -> frozenset[str]:
    """The last parts of names whose owner is an object: what a method must be called to be worth a look."""
    return frozenset(name.rpartition(".")[2] for name in (*table(), *SPECIAL)) | frozenset(
        parts[-1] for entries in patterns().values() for parts, _ in entries if "*" not in parts[-1]
    )


@cache
def modules() -> frozenset[str]:
    """The first parts of all names: modules worth following."""
    return frozenset(name.partition(".")[0] for name in (*table(), *SPECIAL)) | frozenset(patterns())


@cache
def uses(name: str) -> tuple[Use, ...]:
    """What calling a name does; nothing for names the table has not."""
    found = table().get(name)
    if found is not None:
        return found
    parts = tuple(name.split("."))
    for pattern, these in patterns().get(parts[0], ()):
        if _fits(pattern, parts):
            return these
    return ()


@cache
def grave(name: str) -> bool:
    """Whether handing a name on as a value is worth telling: whoever gets it can run programs or code."""
    if SPECIAL.get(name) == "subprocess":
        return True
    return any(
        use.verb in ("shell", "run", "become", "code", "unpickle", "kill", "native") for use in table().get(name, ())
    )


def _fits(pattern: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    if not pattern:
        return not parts
    first, rest = pattern[0], pattern[1:]
    if first == "**":
        return any(_fits(rest, parts[skip:]) for skip in range(len(parts) + 1))
    if not parts:
        return False
    if first.startswith("*") and len(first) > 1:
        return parts[0].endswith(first[1:]) and _fits(rest, parts[1:])
    return first in ("*", parts[0]) and _fits(rest, parts[1:])


@cache
def _read() -> tuple[dict[str, tuple[Use, ...]], dict[str, list[tuple[tuple[str, ...], tuple[Use, ...]]]]]:
    exact: dict[str, tuple[Use, ...]] = {}
    starred: dict[str, list[tuple[tuple[str, ...], tuple[Use, ...]]]] = {}
    for line in _TABLE.splitlines():
        names, bar, told = line.partition(" | ")
        if not bar:
            continue
        these = tuple(_use(text.strip()) for text in told.split(","))
        for name in names.split():
            if "*" in name:
                starred.setdefault(name.partition(".")[0], []).append((tuple(name.split(".")), these))
            else:
                exact[name] = these
    for entries in starred.values():  # the more particular ones first
        entries.sort(key=lambda entry: -sum(part not in ("*", "**") for part in entry[0]))
    return exact, starred


def _use(text: str) -> Use:
    verb, _, place = text.partition(" ")
    if place == "self":
        return Use(verb, None, None, True)
    position, _, keyword = place.partition("/")
    return Use(verb, int(position) if position.isdigit() else None, keyword or None)
