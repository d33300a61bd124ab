"""A disk that fails at its n-th operation: what the tests of faults run the real command line on.

``python faulty_disk.py`` warms up once, then reads one JSON object a line and answers with one: it forks a child that
runs commands with the fault in them. An operation is whatever changes the disk below the store's folder: creating,
writing, syncing, renaming, truncating or removing a file or a folder. A write that fails has written its first half.
"""

import builtins
import errno
import io
import json
import mmap
import os
import pathlib
import shutil
import signal
import sys
import tempfile
from importlib import import_module

AGAIN = "EIO, again, power cut"
ERRORS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "full": errno.ENOSPC, "dead": errno.EIO, AGAIN: errno.EIO}
LASTING = {"full": ("create", "write", "make folder"), "dead": ()}
"""From the n-th operation on, and of these sorts only (none named: all)."""

LOSES_ALL = ("power cut", AGAIN)
"""Everything that was not synced is lost. The second: one error, and it is cut after the command was run again."""

LOSES_DATA = "power cut, entries first"
"""Names were written by then, and the sizes of files, but not what is in them."""

KINDS = (*ERRORS, "kill", "power cut", LOSES_DATA)

IMPORTED = (
    "service.demo",
    "service.scoring",
    "service.web",
    "service.events.conversions",
    "flask.testing",
    "numpy.ma",
    "numpy.random",
    "pyarrow.compute",
    "pyarrow.csv",
    "pyarrow.dataset",
    "pyarrow.parquet",
)
"""What the commands import when they come to it: each child would do so anew."""


class Disk:
    """Counts the operations below ``root`` and fails at one of them; ``install`` can't be taken back."""

    def __init__(self, root, *, kind, at, progress):
        self._root, self._kind, self._at, self._progress = os.path.realpath(root), kind, at, progress
        self._count, self._busy = 0, False
        self._unsynced_entries, self._unsynced_data, self._folders = [], {}, {}
        self._attic = pathlib.Path(tempfile.mkdtemp(dir=pathlib.Path(root).parent, prefix="attic-"))

    def install(self):
        sync, opened = os.fsync, io.open

        def fsync(descriptor):
            if self._is_ours(path := os.readlink(f"/proc/self/fd/{descriptor}")):
                self._operation("sync", path)
                self._synced(descriptor)
            sync(descriptor)

        def open_(*arguments, **options):
            file = opened(*arguments, **options)
            return _Torn(file, self) if file.writable() and self._is_ours(_path_of(file)) else file

        os.fsync, io.open, builtins.open = fsync, open_, open_
        if hasattr(pathlib, "_NormalAccessor"):  # Python 3.10 binds the function that it opens with
            pathlib._NormalAccessor.open = staticmethod(open_)
        sys.addaudithook(self._on_event)

    def _on_event(self, event, arguments):
        if self._busy:
            return
        if event == "open":
            path, _, flags = arguments
            if not isinstance(path, int) and flags & (os.O_CREAT | os.O_TRUNC | os.O_TMPFILE & ~os.O_DIRECTORY):
                self._entry("open" if os.path.lexists(path) else "create", path, -1)
        elif event == "os.mkdir":
            self._entry("make folder", arguments[0], arguments[2])
        elif event == "os.remove":
            self._entry("remove", *arguments)
        elif event == "os.rmdir":
            self._entry("remove folder", *arguments)
        elif event == "os.rename":
            source, target, source_folder, target_folder = arguments
            self._entry("rename", target, target_folder, source=_absolute(source, source_folder))
        elif (
            event in ("os.truncate", "os.utime")
            and not isinstance(arguments[0], int)
            and self._is_ours(path := _absolute(arguments[0], -1))
        ):
            self._operation(event, path)

    def _entry(self, what, path, folder, source=None):
        """An operation on the entry of a folder, and how to undo it where a power cut undoes it."""
        path = _absolute(path, folder)
        if not self._is_ours(path):
            return
        self._operation(what, path)
        if self._kind not in LOSES_ALL:
            return
        self._busy = True
        parent = self._folder(os.path.dirname(path))
        here = parent.entry(path)
        undo = None
        if what in ("create", "make folder") and not os.path.lexists(path):
            undo = [(_remove, here)]
        elif what == "remove" and os.path.lexists(path):
            undo = [(os.rename, self._keep(path), here)]
        elif what == "remove folder" and os.path.isdir(path) and not os.listdir(path):
            undo = [(self._folder(path).come_back, here)]
        elif what == "rename" and os.path.lexists(source) and not (os.path.isdir(path) and os.listdir(path)):
            undo = [(os.rename, here, self._folder(os.path.dirname(source)).entry(source))]
            if os.path.isfile(path):
                undo.append((os.rename, self._keep(path), here))
        if undo:
            self._unsynced_entries.append((parent, undo))
        self._busy = False

    def _folder(self, path):
        folder = _Folder(path)
        return self._folders.setdefault(folder.identity, folder)

    def _keep(self, path):
        kept = self._attic / str(self._count)
        os.link(path, kept)
        return kept

    def wrote(self, file, data):
        """Before a write to a file of ours; gives what is written of it if the write fails."""
        descriptor = file.fileno()
        status = os.fstat(descriptor)
        if status.st_ino not in self._unsynced_data:
            self._unsynced_data[status.st_ino] = os.dup(descriptor), status.st_size
        half = memoryview(data).cast("B")[: memoryview(data).nbytes // 2]
        self._operation("write", _path_of(file), lambda: (file.write(half), file.flush()))

    def _synced(self, descriptor):
        status = os.fstat(descriptor)
        self._unsynced_data.pop(status.st_ino, None)
        identity = (status.st_dev, status.st_ino)
        self._unsynced_entries = [entry for entry in self._unsynced_entries if entry[0].identity != identity]

    def _operation(self, what, path, half_done=lambda: None):
        self._count += 1
        self._progress[:] = json.dumps([self._count, f"{what} {path}"]).encode()[:4_095].ljust(4_096)
        sorts = LASTING.get(self._kind)
        lasts = sorts is not None and (not sorts or what in sorts)
        if self._count != self._at and not (lasts and self._count > self._at):
            return
        if sorts and what not in sorts:
            return
        half_done()
        if self._kind in ERRORS:
            number = ERRORS[self._kind]
            raise OSError(number, os.strerror(number), path)
        self.cut()
        os.kill(os.getpid(), signal.SIGKILL)

    def cut(self):
        """The power goes, for the kinds in which it does."""
        self._busy = True
        for descriptor, size in self._unsynced_data.values():
            if self._kind in LOSES_ALL:
                os.ftruncate(descriptor, size)
            elif self._kind == LOSES_DATA:
                os.pwrite(descriptor, b"\0" * (os.fstat(descriptor).st_size - size), size)
        for parent, undo in reversed(self._unsynced_entries):
            for action, *arguments in undo if parent.is_there() else ():
                action(*arguments)

    def _is_ours(self, path):
        return path == self._root or path.startswith(self._root + "/")


class _Folder:
    """A folder by its descriptor, so that its entries are found under whatever name it has later."""

    def __init__(self, path):
        self._descriptor = os.open(path, os.O_PATH | os.O_DIRECTORY)
        status = os.fstat(self._descriptor)
        self.identity = (status.st_dev, status.st_ino)

    def is_there(self):
        """Whether it was not removed, or came back."""
        return os.stat(self._descriptor).st_nlink > 0

    def come_back(self, path):
        """It was removed, and now it was not."""
        os.mkdir(path)
        os.dup2(os.open(path, os.O_PATH | os.O_DIRECTORY), self._descriptor)

    def entry(self, path):
        return f"/proc/self/fd/{self._descriptor}/{os.path.basename(path)}"


class _Torn:
    """A file whose writes are operations of the disk."""

    def __init__(self, file, disk):
        self._file, self._disk = file, disk

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def write(self, data):
        self._disk.wrote(self._file, data)
        return self._file.write(data)


def _absolute(path, folder):
    path = os.fsdecode(path)
    return os.path.abspath(path if folder == -1 else os.path.join(os.readlink(f"/proc/self/fd/{folder}"), path))


def _path_of(file):
    return os.readlink(f"/proc/self/fd/{file.fileno()}")


def _remove(path):
    if os.path.isdir(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def run(main, request):
    """Run commands in a child, each up to ``tries`` times until its exit code is 0.

    Gives the last exit code (``None``: killed), what they printed, and the operation that was hit.
    """
    progress = mmap.mmap(-1, 4_096)
    progress[:] = b"[0, null]".ljust(4_096)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if not child:
            code = 99
            try:
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                disk = Disk(request["root"], kind=request["kind"], at=request["at"], progress=progress)
                disk.install()
                for arguments in request["commands"]:
                    for _ in range(request["tries"]):
                        code = main(arguments)
                        if code == 0:
                            break
                sys.stdout.flush()
                disk.cut()
            except BaseException:  # noqa: B036 - the child has nobody to raise it to
                sys.excepthook(*sys.exc_info())
            finally:
                sys.stderr.flush()
                os._exit(code)
        status = os.waitpid(child, 0)[1]
        printed = []
        for file in (out, err):
            file.seek(0)
            printed.append(file.read().decode())
    operations, last = json.loads(bytes(progress))
    code = os.waitstatus_to_exitcode(status)
    answer = {"code": code if code >= 0 else None, "out": printed[0], "err": printed[1]}
    return {**answer, "hit": last if operations >= request["at"] else None, "operations": operations}


def serve():
    """Answer one line with one line until there are no more."""
    for module in IMPORTED:
        import_module(module)
    from service import page
    from service.cli import main

    page.render({})
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(run(main, json.loads(line))), flush=True)


if __name__ == "__main__":
    serve()
