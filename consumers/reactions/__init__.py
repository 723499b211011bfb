"""Reactions: what we do about our own past, a file each; each file is pure.

`REACTIONS` is the one list of them: the runner, its switches and its figures follow from it.
"""

from consumers.reaction import Reactions, listed
from consumers.reactions.backorder_filler import BACKORDER_FILLER
from consumers.reactions.completion import COMPLETION
from consumers.reactions.expirer import EXPIRER
from consumers.reactions.resourcing import RESOURCING

REACTIONS: Reactions = listed(EXPIRER, BACKORDER_FILLER, RESOURCING, COMPLETION)
