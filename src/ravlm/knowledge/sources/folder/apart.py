"""HTML and PDF files are read in a process apart, with bounds on time and memory.

Their parsers are native code: a file made to harm can keep one busy for days, fill the memory, or end the process.
Here it costs that one file. Requests and answers are lines of JSON over pipes; a picture's bytes follow their line.
"""

import contextlib
import ctypes
import json
import os
import signal
import subprocess  # the command is ours, without a shell
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import IO, Any, cast

from ravlm.errors import PathError, RavlmError
from ravlm.knowledge.sources.folder.document import LARGEST_TEXT, Document, LeftOut, read_bytes
from ravlm.knowledge.sources.folder.html import read_html_file
from ravlm.knowledge.sources.folder.pdf import read_pdf_file, read_pdf_picture

LONGEST = 120.0  # seconds for one file
LARGEST = 4_000_000_000  # bytes of memory, where the system can bound it (not on Windows and macOS)
_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)
_READY = b"ready\n"


class Apart:
    """The process apart, started when it is first needed and again after it died."""

    def __init__(self, longest: float = LONGEST) -> None:
        self._longest = longest
        self._process: subprocess.Popen[bytes] | None = None
        self._watch = _Watch()
        self._lock = threading.Lock()

    def html(self, path: Path) -> Document:
        """`read_html_file` of a path.

        Raises:
            LeftOut: as it, and for a file that goes over the bounds.
            RavlmError: the process does not start.
        """
        return Document.from_json(self._ask({"do": "html", "path": str(path)})[0])

    def pdf(self, path: Path, language: str = "") -> Document:
        """`read_pdf_file`. Errors: as `html`."""
        return Document.from_json(self._ask({"do": "pdf", "path": str(path), "language": language})[0])

    def picture(self, path: Path, page: int, image: int) -> bytes:
        """`read_pdf_picture`. Errors: as `html`, and `PathError` where there is no such picture."""
        return self._ask({"do": "picture", "path": str(path), "page": page, "image": image})[1]

    def close(self) -> None:
        """End the process."""
        with self._lock:
            if self._process is not None:
                _end(self._process)
                self._process = None

    def _ask(self, request: dict[str, Any]) -> tuple[Any, bytes]:
        with self._lock:
            process = self._started()
            self._watch.deadline = time.monotonic() + self._longest
            try:
                answer, data = _exchange(process, request)
            except (OSError, ValueError) as error:
                _end(process)
                self._process = None
                reason = f"takes over {self._longest:g} seconds" if self._watch.late else "its reader broke down"
                raise LeftOut(reason) from error
            finally:
                self._watch.deadline = float("inf")
        if "left out" in answer:
            raise LeftOut(answer["left out"])
        if "path error" in answer:
            raise PathError(answer["path error"])
        return answer["document"], data

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, with this interpreter
                [sys.executable, "-P", "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
            weakref.finalize(self, _end, self._process)
            self._watch = _Watch()
            watching = (self._process, min(0.25, self._longest / 4))
            threading.Thread(target=self._watch.keep, args=watching, daemon=True).start()
            if cast(IO[bytes], self._process.stdout).readline() != _READY:
                raise RavlmError(
                    f"HTML and PDF files are read by a process of their own, and it did not start: {sys.executable} "
                    f"-m {__name__}. Run this command to see why."
                )
        return self._process


def _exchange(process: "subprocess.Popen[bytes]", request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    to, back = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
    to.write(json.dumps(request).encode() + b"\n")
    to.flush()
    answer: dict[str, Any] = json.loads(back.readline())
    data = back.read(answer["bytes"])
    if len(data) < answer["bytes"]:
        raise OSError("the answer is cut off")
    return answer, data


class _Watch:
    """Ends a process that is past its deadline; one thread for all requests, which a timer each would slow down."""

    def __init__(self) -> None:
        self.deadline = float("inf")
        self.late = False

    def keep(self, process: "subprocess.Popen[bytes]", pause: float) -> None:
        while process.poll() is None:
            if time.monotonic() > self.deadline:
                self.late = True
                process.kill()
                return
            time.sleep(pause)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _answer(request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    path = Path(request["path"])
    try:
        if request["do"] == "html":
            return {"document": read_html_file(read_bytes(path, LARGEST_TEXT)).as_json()}, b""
        if request["do"] == "pdf":
            return {"document": read_pdf_file(path, request["language"]).as_json()}, b""
        return {"document": None}, read_pdf_picture(path, request["page"], request["image"])
    except LeftOut as left_out:
        return {"left out": left_out.reason}, b""
    except PathError as error:
        return {"path error": str(error)}, b""


def _bound_memory() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (LARGEST, LARGEST))
    except (ImportError, OSError, ValueError):
        pass  # Windows and macOS know no such bound


def _die_with_the_parent() -> None:
    """Have this process killed when the one that reads its answers is, where the system can (Linux)."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def _serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    answers.write(_READY)
    answers.flush()
    for line in requests:
        answer, data = _answer(json.loads(line))
        answers.write(json.dumps(answer | {"bytes": len(data)}).encode() + b"\n" + data)
        answers.flush()


if __name__ == "__main__":
    _bound_memory()
    _die_with_the_parent()
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    _serve(sys.stdin.buffer, pipe)
