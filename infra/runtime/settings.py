"""The environment, read once at the door. Every variable is `ORDINAL_` and the field's name."""

from importlib import metadata
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What an operator may choose. Times are seconds unless the name says otherwise."""

    model_config = SettingsConfigDict(env_prefix="ORDINAL_", env_file=".env", extra="ignore")

    database_url: SecretStr = Field(
        description="`embedded`, `embedded:FOLDER`, or a PostgreSQL conninfo. No default: a"
        " forgotten setting must not take orders into an empty database.",
    )
    kafka_bootstrap_servers: str | None = Field(
        default=None, description="host:port,…; without it projectors read the log directly."
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    kafka_sasl_username: str | None = None
    kafka_sasl_password: SecretStr | None = None
    kafka_ssl_cafile: Path | None = None
    kafka_ssl_certfile: Path | None = None
    kafka_ssl_keyfile: Path | None = None
    topic_prefix: str = Field(default="ordinal", pattern=r"^[a-zA-Z0-9._-]{1,80}$")
    topic_partitions: int = Field(default=4, ge=1, le=256, description="Fixed at creation.")
    topic_replication: int = Field(default=1, ge=1, le=9)

    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8000, ge=0, le=65535)
    answer_timeout: float = Field(default=1.8, gt=0, description="Bound on an answer.")
    read_wait_timeout: float = Field(
        default=1.5, gt=0, description="Bound on a read's wait for a position."
    )
    max_connections: int = Field(default=1_000, ge=1, description="HTTP connections at a time.")
    max_body_bytes: int = Field(default=1_000_000, ge=1_000)
    idempotency_days: int = Field(default=7, ge=1)
    cache_bytes: int = Field(default=256_000_000, ge=1_000_000, description="Folds kept per bus.")
    queue_limit: int = Field(default=5_000, ge=1, description="Commands waiting for the bus.")

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"

    @field_validator("database_url")
    @classmethod
    def _names_something(cls, url: SecretStr) -> SecretStr:
        """libpq would take nothing for the default server, whatever that is."""
        if not url.get_secret_value().strip():
            raise ValueError("it is empty")
        return url


def program_version() -> str:
    return metadata.version("ordinal")
