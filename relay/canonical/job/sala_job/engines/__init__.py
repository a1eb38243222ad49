"""Engines behind one interface (`base.py`), each loaded only when it is asked for."""
