"""Topics as they are, against topics as they must be: somebody else may have made one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType

from infra.kafka.clients import KafkaUnfit
from infra.kafka.topics import Topic, admin, topics
from infra.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting of a topic that is not as it must be."""

    topic: str
    setting: str
    wanted: str
    found: str


def differences(settings: Settings, channels: Iterable[str] = ()) -> list[Difference]:
    """What the topics' settings are and should not be; topics that are missing have none."""
    wanted = topics(settings, channels)
    with closing(admin(settings)) as client:
        return list(_compare(wanted, _settings_of(client, wanted)))


def repair(settings: Settings, found: Sequence[Difference]) -> None:
    """Set what differs as it must be; raises KafkaUnfit when the broker does not let us."""
    changes: dict[str, dict[str, str]] = {}
    for each in found:
        changes.setdefault(each.topic, {})[each.setting] = each.wanted
    resources = [_resource(topic, configs) for topic, configs in changes.items()]
    if not resources:
        return
    with closing(admin(settings)) as client:
        answers = client.alter_configs(resources)["topic"]
    refused = {topic: answer for topic, answer in answers.items() if answer != "OK"}
    if refused:
        raise KafkaUnfit("; ".join(f"{topic}: {answer}" for topic, answer in refused.items()))


def _compare(
    wanted: Sequence[Topic], found: Mapping[str, Mapping[str, str]]
) -> Iterator[Difference]:
    for topic in wanted:
        present = found.get(topic.name, {})
        for setting, value in topic.config.items():
            if setting in present and not _same(present[setting], value):
                yield Difference(topic.name, setting, value, present[setting])


def _same(found: str, wanted: str) -> bool:
    """Lists of policies have no order."""
    return sorted(found.split(",")) == sorted(wanted.split(","))


def _settings_of(client: Any, wanted: Sequence[Topic]) -> dict[str, dict[str, str]]:
    known = {each["name"] for each in client.describe_topics() if each["partitions"]}
    resources = [_resource(topic.name, None) for topic in wanted if topic.name in known]
    if not resources:
        return {}
    described = client.describe_configs(resources, config_filter="all")["topic"]
    return {
        topic: {name: str(config["value"]) for name, config in configs.items()}
        for topic, configs in described.items()
    }


def _resource(topic: str, configs: Mapping[str, str] | None) -> ConfigResource:
    return ConfigResource(ConfigResourceType.TOPIC, topic, configs)
