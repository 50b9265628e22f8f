"""The sub-commands, one module each. A module is loaded when its command is called.

Each has ``NAME``, ``HELP``, ``add_arguments(parser)`` and ``run(arguments)``; what is slow to
import is imported inside ``run``, so that ``--help`` answers at once.
"""
