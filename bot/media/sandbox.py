"""Locks itself down, then becomes the program it was given: `main([RULE, …, "--", PROGRAM, ARGUMENT, …])`.

The rules are what `Rules.to_arguments` makes. Only light parts of the standard library, because it runs outside the
project's environment and starts with every child. Layers: resource limits and death with the parent everywhere; on
Linux Landlock (only the listed paths can be opened, and only to read) and seccomp (no sockets, no tracing, no
namespaces) where the kernel has them.
"""

import ctypes
import errno
import fcntl
import os
import resource
import struct
import sys

LIBRARIES = (
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/nix/store",
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/dev/null",
    "/dev/urandom",
    "/proc/self",
    "/sys/devices/system/cpu",
)
FIRST_EXTRA_PIPE = 3
REFUSED_STATUS = 120
MISSING_STATUS = 121

_OPEN_FILES = 64
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": "/nonexistent"}

_SIGKILL = 9  # the module signal takes as long to load as all others here
_PR_SET_PDEATHSIG = 1
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38

# Landlock, from the kernel's userspace-api/landlock.rst; the numbers are the same on every architecture.
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_LANDLOCK_VERSION_FLAG = 1
_LANDLOCK_PATH_BENEATH = 1
_READ_FILE = 0b0101  # execute, read
_READ_DIRECTORY = 0b1101  # execute, read, list

# seccomp: machine -> (audit architecture, number of the seccomp call, refused calls), the calls being socket
# socketpair connect bind ptrace execveat bpf io_uring_setup userfaultfd unshare setns mount keyctl.
_SECCOMP_BY_MACHINE = {
    "x86_64": (0xC000003E, 317, (41, 53, 42, 49, 101, 322, 321, 425, 323, 272, 308, 165, 250)),
    "aarch64": (0xC00000B7, 277, (198, 199, 203, 200, 117, 281, 280, 425, 282, 97, 268, 40, 219)),
}
_SECCOMP_ACTION_AVAILABLE = 2
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000


class Rules:
    """What the program may use.

    `layers` "required": stop where Landlock or seccomp is missing; "off": neither. `pipes` are inherited
    descriptors, which the program finds as 3, 4, … in this order. `niceness` is added to the parent's.
    """

    def __init__(
        self,
        *,
        layers: str,
        cpu_seconds: int,
        memory_bytes: int,
        file_bytes: int,
        niceness: int,
        pipes: list[int],
        readable: list[str],
    ) -> None:
        self.layers = layers
        self.cpu_seconds = cpu_seconds
        self.memory_bytes = memory_bytes
        self.file_bytes = file_bytes
        self.niceness = niceness
        self.pipes = pipes
        self.readable = readable

    def to_arguments(self) -> list[str]:
        """The form the launcher takes."""
        numbers = (self.cpu_seconds, self.memory_bytes, self.file_bytes, self.niceness)
        return [self.layers, *map(str, numbers), ",".join(map(str, self.pipes)), *self.readable]

    @classmethod
    def from_arguments(cls, arguments: list[str]) -> "Rules":
        """Back from `to_arguments`."""
        layers, cpu, memory, file, niceness, pipes, *readable = arguments
        return cls(
            layers=layers,
            cpu_seconds=int(cpu),
            memory_bytes=int(memory),
            file_bytes=int(file),
            niceness=int(niceness),
            pipes=[int(pipe) for pipe in pipes.split(",") if pipe],
            readable=readable,
        )


def available_layers() -> tuple[int, bool]:
    """What this kernel offers: the Landlock version (0 for none) and whether seccomp filters work. Enters nothing."""
    if sys.platform != "linux":
        return 0, False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_LANDLOCK_CREATE, None, 0, _LANDLOCK_VERSION_FLAG)
    known = _SECCOMP_BY_MACHINE.get(os.uname().machine)
    action = ctypes.c_uint32(_REFUSE & 0x7FFF0000)
    seccomp = known is not None and libc.syscall(known[1], _SECCOMP_ACTION_AVAILABLE, 0, ctypes.byref(action)) == 0
    return max(0, version), seccomp


def place_pipes(pipes: list[int]) -> None:
    """Give inherited descriptors the numbers 3, 4, …."""
    aside = [fcntl.fcntl(pipe, fcntl.F_DUPFD_CLOEXEC, 100) for pipe in pipes]
    for pipe in pipes:
        os.close(pipe)
    for place, handle in enumerate(aside):
        os.dup2(handle, FIRST_EXTRA_PIPE + place, inheritable=True)
        os.close(handle)


def limit_resources(rules: Rules) -> None:
    """Cap processor time, memory, file size and open files; no core dumps; a lower priority."""
    wanted = (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, rules.cpu_seconds),
        (resource.RLIMIT_FSIZE, rules.file_bytes),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_DATA, rules.memory_bytes),
    )
    for what, amount in wanted:
        _, hard = resource.getrlimit(what)
        soft = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
        resource.setrlimit(what, (soft, soft))
    os.nice(rules.niceness)
    try:
        # Sessions of their own are scheduled as groups on Linux; within a group alone would niceness count for nothing.
        with open("/proc/self/autogroup", "w") as group:  # noqa: PTH123 - pathlib costs start-up time in every child
            group.write(str(rules.niceness))
    except OSError:
        return


def die_with_parent() -> None:
    """Be killed when the process that started us goes, however it goes (Linux only)."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), _SIGKILL)


def enter_landlock(readable: list[str]) -> None:
    """Leave only these paths, for reading. Raises OSError where the kernel cannot."""
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_LANDLOCK_CREATE, None, 0, _LANDLOCK_VERSION_FLAG)
    if version < 1:
        raise OSError(ctypes.get_errno(), "landlock")
    files = {1: (1 << 13) - 1, 2: (1 << 14) - 1}.get(version, (1 << 15) - 1) | (1 << 15 if version >= 5 else 0)
    network = 0b11 if version >= 4 else 0
    scope = 0b11 if version >= 6 else 0
    size = 8 if version < 4 else 16 if version < 6 else 24
    attributes = struct.pack("<QQQ", files, network, scope)[:size]
    ruleset = _checked(libc.syscall(_LANDLOCK_CREATE, attributes, size, 0))
    for path in readable:
        if not os.path.exists(path):  # noqa: PTH110 - pathlib costs start-up time in every child
            continue
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        access = _READ_DIRECTORY if os.path.isdir(path) else _READ_FILE  # noqa: PTH112 - as above
        rule = struct.pack("<Qi", access, handle)
        _checked(libc.syscall(_LANDLOCK_ADD, ruleset, _LANDLOCK_PATH_BENEATH, rule, 0))
        os.close(handle)
    _checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _checked(libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0))
    os.close(ruleset)


def enter_seccomp() -> None:
    """Refuse the calls of `_SECCOMP_BY_MACHINE` with EPERM. Raises OSError where the kernel cannot."""
    known = _SECCOMP_BY_MACHINE.get(os.uname().machine)
    if known is None:
        raise OSError(errno.ENOSYS, "seccomp")
    architecture, _, refused = known
    load, equal, at_least, answer = 0x20, 0x15, 0x35, 0x06
    program = [
        (load, 0, 0, 4),
        (equal, 1, 0, architecture),
        (answer, 0, 0, _KILL),
        (load, 0, 0, 0),
        (at_least, len(refused) + 1, 0, 1 << 30),  # the x32 numbers would walk past a list of refusals
        *((equal, len(refused) - place, 0, number) for place, number in enumerate(refused)),
        (answer, 0, 0, _ALLOW),
        (answer, 0, 0, _REFUSE),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *step) for step in program))
    header = struct.pack("@HP", len(program), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    _checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _checked(libc.prctl(_PR_SET_SECCOMP, 2, header, 0, 0))


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused by the kernel")
    return result


def main(arguments: list[str]) -> None:
    """Apply the rules and become the program; exits 120 when a required layer is missing, 121 without a program."""
    cut = arguments.index("--")
    rules, command = Rules.from_arguments(arguments[:cut]), arguments[cut + 1 :]
    die_with_parent()
    place_pipes(rules.pipes)
    limit_resources(rules)
    if rules.layers != "off":
        for enter in (lambda: enter_landlock([*LIBRARIES, command[0], *rules.readable]), enter_seccomp):
            try:
                enter()
            except OSError:
                if rules.layers == "required":
                    sys.exit(REFUSED_STATUS)
    try:
        os.execve(command[0], command, _ENVIRONMENT)  # noqa: S606 - no shell is wanted
    except OSError:
        sys.exit(MISSING_STATUS)
