"""Reads seeds as a kit does. Standard input: JSON {"yaml": [TEXT…], "schema": [FILE…]}; output: {"yaml": [VALUE…], "schema": [null or COMPLAINT…]}."""
import contextlib
import io
import json
import sys

import yaml


def schema(path):
    # The command itself, as `cloud-init schema --config-file PATH`; in one process, for its start takes a second.
    from cloudinit.cmd.main import main

    said = io.StringIO()
    sys.argv = ["cloud-init", "schema", "--config-file", path]
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            status = main()
        except SystemExit as end:
            status = end.code
    text = said.getvalue()
    return None if status in (0, None) and "Valid" in text else text or str(status)


asked = json.load(sys.stdin)
json.dump(
    {
        "yaml": [yaml.safe_load(text) for text in asked["yaml"]],
        "schema": [schema(path) for path in asked["schema"]],
    },
    sys.stdout,
)
