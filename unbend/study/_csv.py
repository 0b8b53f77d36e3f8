"""Tables as CSV."""

import csv
import io

from unbend.study._tables import Table, Value


def csv_text(table: Table) -> str:
    """The table with its header; numbers to ten digits, what is missing left empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows([_plain(value) for value in row] for row in table.rows)
    return out.getvalue()


def _plain(value: Value) -> str:
    if value is None:
        return ""
    return f"{value:.10g}" if isinstance(value, float) else str(value)
