"""What whole runs of `tests/lab/run full` took, as the table of docs/measured.md."""

import re
import statistics
import sys
from pathlib import Path

#: The rows, by what `seconds` calls them.
ROWS = {
    "up": "machines, clusters and service up",
    "etcd-prepare.yml 1": "`etcd-prepare.yml`",
    "etcd-prepare.yml 2": "again, with nothing to do",
    "etcd-cutover.yml 1": "**`etcd-cutover.yml`**",
    "Check that everything is prepared": None,
    "Record the truth": None,
    "Mount the replicated disks": None,
    "Stop the service": None,
    "Back up": None,
    "Copy onto the replicated disks": None,
    "Rebuild on the planned nodes": None,
    "Start and prove": None,
    "Make it last": None,
    "outage": "**the service was away for clients**",
    "served": "the power of all primary workers and of its control plane is cut; from then on: **the standby serves**",
    "promote-with-the-word-of-a-person": "... of it: promote all three (a minute of it: the timeout of connections to dead nodes in this lab)",
    "mount": "... mount",
    "Start the service": "... scale up and ready",
    "all": "all of it",
    "keys": "keys acknowledged, all of which the standby has",
}


def seconds(log: Path) -> dict[str, float]:
    """What one run reported, by the row's key."""
    text = log.read_text()

    def reported(pattern: str) -> float:
        found = re.search(pattern, text, re.MULTILINE)
        if not found:
            sys.exit(f"{log} is not of a whole run: it has no line `{pattern}`")
        return float(found[1])

    reported(r"^(\d+) passed, 0 failed$")
    begin = reported(r"^ *([\d.]+) s  prepare keys, images, disks and hosts$")
    row = {
        "up": reported(r"^ *([\d.]+) s  ------  placed$") - begin,
        "outage": reported(r"the outage took ([\d.]+) s for clients"),
        "served": reported(r"it serves ([\d.]+) s after the loss"),
        "all": reported(r"^ *([\d.]+) s  ------  lose the site: ") - begin,
        "keys": reported(r"all (\d+) acknowledged keys are there on the standby"),
    }
    # Below the end of each run of `cutover` are its phases and then, further in, its steps. Of these the id's last part counts.
    for playbook, below in re.findall(r"cutover run (\S+) ends with 0\n((?:[ \d.]{8} s  .*\n)*)", text):
        lines = re.findall(r"^ +([\d.]+) s  (  )?(?:\S+/)?(\S.*)$", below, re.MULTILINE)
        key = f"{Path(playbook).name} {1 + sum(name.startswith(f'{Path(playbook).name} ') for name in row)}"
        row |= {name: float(time) for time, _, name in lines}
        row[key] = sum(float(time) for time, step, _ in lines if not step)
    return row


def main(logs: list[str]) -> None:
    """Prints the table of what these logs say."""
    if not logs:
        sys.exit("give the log of at least one whole run; tests/run keeps it in tests-full.log in cargo's target directory")
    runs = [seconds(Path(name)) for name in logs]
    print(f"| s | median of {len(runs)} | shortest | longest |\n|---|---|---|---|")
    for key, title in ROWS.items():
        lacking = [name for name, run in zip(logs, runs) if key not in run]
        if lacking:
            sys.exit(f"{' '.join(lacking)}: nothing about `{key}`")
        values = [run[key] for run in runs]
        print(f"| {title or key} | {statistics.median(values):.0f} | {min(values):.0f} | {max(values):.0f} |")

