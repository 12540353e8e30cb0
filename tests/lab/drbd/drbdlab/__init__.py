"""A lab of virtual machines with real DRBD: the image, the network, a machine, the lab as a whole, its inventory."""

import subprocess


class Problem(Exception):
    """What stands in the way, in words for the person at the terminal."""


def run(*argv, **options):
    """Runs a program to its end and returns its standard output; a failure carries its standard error."""
    done = subprocess.run([str(word) for word in argv], check=True, text=True, capture_output=True, **options)
    return done.stdout
