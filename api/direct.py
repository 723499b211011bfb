"""A command's way from its request's bytes to those of its answer, past the layers of the server
and of the framework: it takes no task, no scope and no messages.
"""

from collections.abc import Callable

from api.api_request import Asking
from api.ports import Edge
from api.problems import ANSWERED, problem
from api.routing import CommandRoute
from api.visit import Headers, Visit
from commands.handling import Answer

CLIENT_CLOSED_REQUEST = 499

Answered = tuple[int, list[tuple[bytes, bytes]], bytes]
Reply = Callable[[int, list[tuple[bytes, bytes]], bytes], object]


class DirectVisit(Visit):
    """One command on its way. `reply` is called once, unless its caller goes away before."""

    __slots__ = ("_asking", "_reply", "_route")

    def __init__(self, route: CommandRoute, headers: Headers, edge: Edge, reply: Reply) -> None:
        super().__init__(headers, edge, "POST", route.path)
        self._route, self._reply = route, reply

    def begin(self) -> bool:
        """Whether a body is wanted; if not, this was answered."""
        try:
            self.refuse_repeated()
            self._asking = Asking(self, self._route.target)
            self._route.admit(self._asking)
        except Exception as error:
            self.refuse(error)
            return False
        return True

    def go_on(self, body: bytes) -> None:
        """With the whole body."""
        try:
            command, context = self._route.asked_for(self._asking, body)
            self.edge.submit(command, context, self._answered)
        except Exception as error:
            self.refuse(error)

    def refuse(self, error: Exception) -> None:
        told = problem(error, self.request_id)
        self._tell(told.status_code, told.raw_headers, bytes(told.body))
        if not isinstance(error, ANSWERED):
            self.fail(error)

    def lose(self) -> None:
        """The caller went away before all was said."""
        self.status = CLIENT_CLOSED_REQUEST
        self.end()

    def _answered(self, outcome: Answer | Exception) -> None:
        if isinstance(outcome, Answer):
            status, headers = self._route.head(outcome)
            self._tell(status, headers, outcome.body)
        else:
            self.refuse(outcome)

    def _tell(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status = status
        headers.append(self.id_header)
        self._reply(status, headers, body)
        self.end()
