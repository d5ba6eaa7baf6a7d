"""What the kernel says of processes and of the machine."""
import contextlib
import datetime
import os
import platform
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def cpu_nanoseconds(pid):
    """CPU that the threads of a process have used; in ticks where the kernel has no schedstat."""
    # A process may end at any step of this; what it leaves to read is then an error of one kind or another, or nothing.
    with contextlib.suppress(OSError, IndexError):
        return sum(int(Path(f"/proc/{pid}/task/{t}/schedstat").read_text().split()[0]) for t in os.listdir(f"/proc/{pid}/task"))
    with contextlib.suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1_000_000_000 // TICK
    return 0


class Tree:
    """A process with its children, those that come later among them."""

    def __init__(self, pid):
        self.pid = pid
        self.seen = {}  # pid → is it a child
        self.used = {}  # pid → CPU when it was last looked at: of one that has ended it stays

    def pids(self):
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) not in self.seen:
                try:
                    parent = int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1])
                except (OSError, IndexError):  # it has ended
                    continue
                self.seen[int(name)] = parent == self.pid
        return [self.pid, *(pid for pid, child in self.seen.items() if child)]

    def cpu_nanoseconds(self):
        for pid in self.pids():
            self.used[pid] = max(self.used.get(pid, 0), cpu_nanoseconds(pid))
        return sum(self.used.values())


def memory(pid):
    """(resident, of it not of files) MiB."""
    values = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return tuple(int(values[name].split()[0]) / 1024 for name in ("VmRSS", "RssAnon"))


def facts():
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")),
                 platform.machine())
    total = int(next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal")).split()[1]) / 1024 / 1024
    return f"{os.cpu_count()} cores ({model}), {total:.0f} GiB, Linux {platform.release()}"


def load_average():
    return os.getloadavg()[0]


def today():
    return datetime.date.today().isoformat()
