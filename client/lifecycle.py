"""How runs end when nobody ends them: the end of the process, SIGTERM, a fork.

Hooks are installed with the first run, never by importing the client. SIGTERM's handler is put back
when the process has no run left.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

from . import session
from .entities import RunStatus


class _Hooks:
    def __init__(self) -> None:
        self.installed = False
        self.worker = 0  # the process id that multiprocessing was asked to tell of its end
        self.before_sigterm: Any = None
        self.handles_sigterm = False


_hooks = _Hooks()


def install() -> None:
    if not _hooks.installed:
        _hooks.installed = True
        atexit.register(_at_exit)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=session.begin_child)
    watch_worker()
    _handle_sigterm()


def watch_worker() -> None:
    """multiprocessing ends its forked workers without atexit, but has a list of its own."""
    process = sys.modules.get("multiprocessing.process")
    if process is None or process.parent_process() is None or _hooks.worker == os.getpid():
        return
    from multiprocessing.util import Finalize

    _hooks.worker = os.getpid()
    Finalize(None, _at_exit, exitpriority=0)


def release_sigterm() -> None:
    """Give SIGTERM back to whoever had it, once no run of this process goes on."""
    if not _hooks.handles_sigterm or session.current().open_runs or not _is_main_thread():
        return
    # Somebody else may have put a handler over this one: then it stays, and does nothing.
    if signal.getsignal(signal.SIGTERM) is _on_sigterm:
        signal.signal(signal.SIGTERM, _hooks.before_sigterm)
        _hooks.handles_sigterm = False


def status_after(error: BaseException | None) -> RunStatus:
    """How a run ends that was left by this exception."""
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return RunStatus.FINISHED
    return RunStatus.KILLED if isinstance(error, KeyboardInterrupt) else RunStatus.FAILED


def _handle_sigterm() -> None:
    if _hooks.handles_sigterm or not _is_main_thread():
        return
    before = signal.getsignal(signal.SIGTERM)
    # None: set by C code, which cannot be chained. Ignored: then it ends nothing.
    if before is None or before == signal.SIG_IGN:
        return
    signal.signal(signal.SIGTERM, _on_sigterm)
    _hooks.before_sigterm, _hooks.handles_sigterm = before, True


def _on_sigterm(number: int, frame: FrameType | None) -> None:
    if _hooks.handles_sigterm:
        _end_all(RunStatus.KILLED)
        session.current().finish(hurry=True)
    before = _hooks.before_sigterm
    if callable(before):
        before(number, frame)
    else:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _at_exit() -> None:
    if session.existing() is None:  # nothing was ever logged, or all of it was forgotten
        return
    # What ended the script, noted by the interpreter when it printed the traceback. At a prompt it
    # is some earlier mistake, which ended nothing.
    error = None if hasattr(sys, "ps1") else getattr(sys, "last_value", None)
    _end_all(status_after(error))
    session.current().finish(last=True)


def _end_all(status: RunStatus) -> None:
    for run in session.current().open_runs:
        if run.owned:
            run.close(status)


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
