"""Stored bytes of every event in every version that was ever released.

A golden file is written once and never edited: it stands for what lies in the logs of the world.
`manifest.json` holds their hashes, `today.json` what today's code makes of each.
"""
