"""What `status` sees is what is there."""

import psycopg

from infra.status import status
from tests.infra.running import project
from tests.infra.sample_projection import POISON, SAMPLE, SAMPLE_2, append, receive


def test_everything_is_told(ordinal_database: str) -> None:
    positions = append(
        ordinal_database, [("stock-a", receive(1)), ("stock-a", POISON), ("stock-b", receive(1))]
    )
    project(ordinal_database, SAMPLE)
    (head,) = append(ordinal_database, [("stock-b", receive(1))])
    with psycopg.connect(ordinal_database) as conn:
        conn.execute(
            "INSERT INTO ordinal.outbox (topic, value, recorded_at)"
            " VALUES ('dead-letters', '', now()), ('intake.results', '', now())"
        )
    found = status(ordinal_database, [SAMPLE])
    assert (found.head, found.store_epoch, found.dead_letters) == (head, 1, 1)
    (model,) = found.read_models
    assert (model.projection, model.version, model.built) == ("sample", 1, True)
    (generation,) = model.generations
    assert (generation.generation, generation.version, generation.live) == (1, 1, True)
    assert (generation.position, generation.lag_events) == (positions[-1], 1)
    assert generation.lag_seconds > 0
    assert [(each.stream_id, each.position) for each in generation.parked] == [
        ("stock-a", positions[1])
    ]


def test_a_read_model_that_has_caught_up_lags_by_nothing(ordinal_database: str) -> None:
    append(ordinal_database, [("stock-a", receive(1))])
    project(ordinal_database, SAMPLE)
    (model,) = status(ordinal_database, [SAMPLE]).read_models
    assert [(g.lag_events, g.lag_seconds) for g in model.generations] == [(0, 0.0)]


def test_a_version_that_is_not_built_is_said_so(ordinal_database: str) -> None:
    append(ordinal_database, [("stock-a", receive(1))])
    project(ordinal_database, SAMPLE)
    (model,) = status(ordinal_database, [SAMPLE_2]).read_models
    assert (model.built, len(model.generations)) == (False, 1)


def test_a_fresh_store_has_nothing_to_tell(ordinal_database: str) -> None:
    found = status(ordinal_database, [SAMPLE])
    assert (found.head, found.dead_letters) == (0, 0)
    assert [model.generations for model in found.read_models] == [[]]
