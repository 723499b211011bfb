"""Consumers: what the world tells us, and our own past, translated into our commands.

`channels` hold what comes over topics, `files` what is imported, `simulation` lifelike trade. What
they share stands beside them: who consumes, amounts, moments.
"""
