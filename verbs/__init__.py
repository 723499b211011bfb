"""The front door's rooms: a file for each verb of the command line, and what several of them share.

A verb puts together what it needs of the rooms and the machines, and loads nothing else.
"""
