"""The processes of a whole: verbs of this program that a verb starts and looks after."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module

import typer

from infra.runtime.forked import Forked, Work, can_fork, share_what_is_loaded
from infra.runtime.supervisor import Family, Verb
from verbs.terminal import fail


def family_of(verbs: Sequence[Verb], environment: Mapping[str, str] | None = None) -> Family:
    """To be called before the first thread: what the verbs import is imported now, for all."""
    if can_fork():
        from main import loaded

        import_module("verbs.expected_errors")
        for name in {verb[0] for verb in verbs}:
            loaded(name)
        share_what_is_loaded()
    return Family(verbs, environment or {}, run)


def aside(name: str, work: Work) -> None:
    """Do what may leave threads behind in a process of its own. Ends this one when it fails."""
    if not can_fork():
        work()
        return
    code = Forked(name, partial(_told, work), {}).wait(None)
    if code:
        raise typer.Exit(code)


def run(verb: Verb) -> None:
    """Carry out a verb in this process, whose command is there by now: to make it takes 8 MiB."""
    from main import loaded

    name, *rest = verb
    _told(partial(loaded(name).main, rest, prog_name=f"ordinal {name}", standalone_mode=False))


def _told(work: Work) -> None:
    """Ends the process with the code of its work."""
    from verbs.expected_errors import EXPECTED  # who knows them all loads nearly everything

    try:
        code = work()
    except EXPECTED as error:
        with suppress(typer.Exit):
            fail(str(error).strip() or type(error).__name__)
        raise SystemExit(1) from None
    raise SystemExit(code if isinstance(code, int) else 0)
