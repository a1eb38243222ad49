"""`python3 -m sala_job`."""

import sys

from .program import main

sys.exit(main(sys.argv[1:]))
