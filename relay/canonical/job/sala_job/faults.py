"""What can go wrong, in words for a person, with what to do and the exit status that goes with it."""

from enum import IntEnum


class Exit(IntEnum):
    """Statuses of sysexits(3); whoever runs the program decides by them whether to try again."""

    DONE = 0
    USAGE = 2
    AUDIO = 65
    UNAVAILABLE = 69
    INTERNAL = 70
    TRY_AGAIN = 75


class JobFault(Exception):
    """A fault that is told to a person."""

    def __init__(self, status: Exit, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint


class Stopped(BaseException):
    """The program was asked to end. No Exception: libraries that catch those must not swallow it."""


def stopped() -> JobFault:
    """The same in words."""
    return JobFault(
        Exit.TRY_AGAIN,
        "stopped",
        "The work was asked to end before it was done",
        "Nothing half-done is left behind; run it again.",
    )


def bad_audio(message: str) -> JobFault:
    """Audio that no second try makes better."""
    return JobFault(
        Exit.AUDIO,
        "audio-bad",
        message,
        "Compare the file with the hash in its manifest and fetch it again; it has to be FLAC or WAV, 16 bit, 16 kHz, "
        "one or two channels.",
    )


def unavailable(code: str, message: str, hint: str) -> JobFault:
    """An engine, a model or a program that this machine does not have."""
    return JobFault(Exit.UNAVAILABLE, code, message, hint)
