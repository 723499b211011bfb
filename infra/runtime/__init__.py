"""A process and its loop: settings, logs, the watchdog, the supervisor."""
