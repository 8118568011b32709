"""docs/experiments.md: how to run them, what there is, and what was found in the runs that are kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from flashmoe_nb.lab.forecasting import check, dense_moe
from flashmoe_nb.lab.rerun.records import markdown, read_results
from flashmoe_nb.lab.rerun.registry import experiments

if TYPE_CHECKING:
    from pathlib import Path

_HEAD = """# The original's experiments, rerun

[flash-moe](https://github.com/danveloper/flash-moe) logged what it tried and what came of it, on one M3 Max. Those
that make sense elsewhere run here, on your machine and your model, behind one interface:

```python
import flashmoe_nb as fm

with fm.open("path/to/model", top_k=4) as engine:
    result = fm.lab.run("own-lru", engine, memory_limit=2 * 2**30)
result  # a table: each way, its effect on speed with a 95 % interval, the original's verdict beside ours
```

    flashmoe lab run own-lru mmap --model path/to/model --limit 2GiB --out data/experiments
    flashmoe lab report data/experiments > docs/experiments.md

Every way of an experiment decodes the same tokens on an engine of its own, in turns, in random order; effects are taken
pair by pair. Tokens are fed, not sampled, and every way's choices are compared with the first one's: all but the
experiments that say so must leave them as they are. `--limit` makes memory scarce (a cgroup on Linux), `--cold` empties
the page cache before every token, without either everything is in memory. A verdict is "unclear" where the interval is
too wide to tell: run more repetitions on a machine that does nothing else.

"""
_NOTHING = "Nothing has been kept yet: run the commands above on a machine that does nothing else.\n"


def page(folder: Path) -> str:
    """The whole page, from the files of a folder."""
    parts = [_HEAD + experiments().text()]
    results = read_results(folder)
    parts.append("# Found\n\n" + (markdown(results) if results else _NOTHING).rstrip())
    forecasts = folder / check.FILE
    if forecasts.exists():
        parts.append("## forecast check\n\n" + _with_place(check.read_checked(forecasts).text(), forecasts))
    dense = folder / dense_moe.FILE
    if dense.exists():
        parts.append("## dense against MoE\n\n" + _with_place(dense_moe.read_written(dense).table().text(), dense))
    return "\n\n".join(parts) + "\n"


def _with_place(text: str, path: Path) -> str:
    about = json.loads(path.read_text("utf-8"))["about"]
    machine = about["machine"]
    place = f"{machine['cores']} cores {machine['cpu']}, {machine['system']}"
    return f"{text}\n\n`{about['command']}`, {about['date'][:10]}, {place}"
