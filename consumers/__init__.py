"""Consumers: what the world tells us, and our own past, translated into our commands.

`channels` hold what comes over topics, `files` what is imported, `reactions` what we do about our
own past, `simulation` lifelike trade. What they share stands beside them: who consumes, who reacts,
amounts, moments.
"""
