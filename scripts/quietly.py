#!/usr/bin/env python3
"""Runs `swift build` or `swift test` and prints what a person wants to see: progress, warnings, failures in full, a summary.

    scripts/quietly.py NAME COMMAND …

The whole output goes to .cache/logs/NAME.log. On a terminal, progress stays on one line; elsewhere a line is printed every
minute. The exit code is the command's.
"""

import pathlib
import re
import signal
import subprocess
import sys
import time

LOGS = pathlib.Path(__file__).resolve().parent.parent / ".cache" / "logs"
STEP = re.compile(r"^\[(\d+)/(\d+)\] ")
# Swift Testing begins each line with a symbol, which differs between systems and terminals.
EVENT = re.compile(r"^\S{1,3}\s+(Test|Suite) (.*?) (started|passed|skipped|failed|recorded an issue|recorded a known issue)\b(.*)$")
BEGIN = re.compile(r"^\S{1,3}\s+(Test|Suite) ")
RUN = re.compile(r"^\S{1,3}\s+Test run with (\d+) tests?.* (passed|failed) after")
DETAIL = re.compile(r"^\S{0,3}\s+")
# XCTest runs beside Swift Testing and has no tests here.
EMPTY = re.compile(r"^(Test Suite '|\s*Executed 0 tests|\S{1,3}\s+(Test run started|Testing Library Version|Target Platform))|^\s*$")
UNHANDLED = re.compile(r"^warning: '[^']+': found \d+ file\(s\) which are unhandled")
MINUTE = 60
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Screen:
    """Lines that stay, and one of progress that does not."""

    def __init__(self):
        self.terminal, self.width, self.last = sys.stdout.isatty(), 0, time.monotonic()

    def progress(self, text):
        now = time.monotonic()
        if self.terminal:
            text = text[:100]
            print("\r" + text.ljust(self.width), end="", flush=True)
            self.width = len(text)
        elif now - self.last >= MINUTE:
            print(text, flush=True)
            self.last = now

    def line(self, text):
        if self.width:
            print("\r" + " " * self.width + "\r", end="")
            self.width = 0
        print(text, flush=True)


class Report:
    """What has been seen of a build and its tests."""

    def __init__(self, name, screen):
        self.name, self.screen = name, screen
        self.ended, self.skipped, self.failing, self.closing, self.partial = 0, [], False, None, []
        self.unhandled = None

    def flush(self):
        """An event whose arguments have line breaks comes in several lines."""
        if self.partial and not re.search(r" (started|passed after .*)\.$", self.partial[-1]):
            self.failing = True
            for line in self.partial:
                self.screen.line(line)
        self.partial = []

    def take(self, line):
        if self.partial and not (BEGIN.match(line) or STEP.match(line)):
            self.partial.append(line)
            return
        self.flush()
        if UNHANDLED.match(line):
            self.unhandled = line
            return
        if self.unhandled:
            # Nobody here can change which of their files our dependencies declare.
            if line.startswith("    ") and "/.build/checkouts/" in line:
                return
            if line.startswith("    "):
                self.screen.line(self.unhandled)
            self.unhandled = None
        if BEGIN.match(line) and not EVENT.match(line) and not RUN.match(line):
            self.partial = [line]
            return
        step, event = STEP.match(line), EVENT.match(line)
        if step:
            self.screen.progress(f"{self.name}: {step[1]} of {step[2]} steps")
            self.failing = False
        elif RUN.match(line):
            self.closing = line
        elif event:
            self.event(line, *event.groups())
        elif self.failing and DETAIL.match(line) or not EMPTY.match(line) and not self.is_noise(line):
            self.screen.line(line)

    def event(self, line, kind, title, what, rest):
        self.failing = what in ("failed", "recorded an issue", "recorded a known issue")
        if what == "skipped":
            self.skipped.append(f"{kind} {title}{rest}")
        elif self.failing:
            self.screen.line(line)
        elif what == "passed" and kind == "Test":
            self.ended += 1
            self.screen.progress(f"{self.name}: {self.ended} tests have passed")

    def is_noise(self, line):
        return re.match(r"^(Building for |Build of product |Build complete!|Compiling plugin|\[\d+/\d+\]|Fetch|Creating working copy|"
                        r"Working copy of|Comput)", line) is not None


def main():
    name, command = sys.argv[1], sys.argv[2:]
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / (re.sub(r"\W+", "-", name) + ".log")
    screen, start = Screen(), time.monotonic()
    report = Report(name, screen)
    screen.progress(name)
    with open(log, "w", encoding="utf-8") as file:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        try:
            for line in process.stdout:
                file.write(line)
                report.take(COLOURS.sub("", line.rstrip("\n")))
            code = process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            process.wait()
            code = 130
    report.flush()
    for skipped in report.skipped:
        screen.line(f"skipped: {skipped}")
    if report.closing:
        screen.line(report.closing)
        if report.skipped:
            screen.line(f"{len(report.skipped)} of them were skipped, see above")
    seconds = time.monotonic() - start
    shown = log.relative_to(pathlib.Path.cwd()) if log.is_relative_to(pathlib.Path.cwd()) else log
    ending = "done" if code == 0 else f"FAILED with exit code {code}, the whole output is in {shown}"
    screen.line(f"{name}: {ending} ({seconds:.0f} s)")
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
