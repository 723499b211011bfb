"""What a check of the invariants found."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Finding:
    """What came of one invariant. `breach` names the first, `breaches` counts all."""

    invariant: str
    about: str
    checked: int = 0
    breaches: int = 0
    breach: str | None = None

    def holds(self, condition: object) -> bool:
        """Count a check; when it fails, the caller says what is wrong with `blame`."""
        self.checked += 1
        return bool(condition)

    def blame(self, breach: str) -> None:
        self.breaches += 1
        self.breach = self.breach or breach


@dataclass(slots=True)
class Findings:
    """All invariants, in order."""

    of: dict[str, Finding] = field(default_factory=dict)

    def begin(self, invariant: str, about: str) -> Finding:
        return self.of.setdefault(invariant, Finding(invariant, about))

    @property
    def sound(self) -> bool:
        return not any(finding.breaches for finding in self.of.values())
