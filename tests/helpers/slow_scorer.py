"""Stand-ins for a library that hangs, dies, raises or talks: what the tests of the worker let it run."""

import os
import time


def prepare():
    pass


def echo(value):
    return value


def process():
    return os.getpid()


def sleep(seconds):
    time.sleep(seconds)


def never_equal(reference, answer):
    time.sleep(600)


def die():
    os._exit(1)


def fail():
    return 1 / 0


def chatter(value):
    os.write(1, b"a library says hello\n")
    print("and hello again")
    return value
