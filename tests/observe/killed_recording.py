"""Records a model to a file and kills itself with SIGKILL once a segment was flushed: killed_recording.py MODEL PATH.

Prints "fed N" after each token, so that the test knows what could have been kept.
"""

import os
import signal
import sys
from pathlib import Path


def main() -> None:
    import flashmoe_nb as fm
    from flashmoe_nb.observe import recorder
    from flashmoe_nb.observe.journal import journal_path

    recorder.FLUSH_ROWS = 3
    path = Path(sys.argv[2])
    with fm.open(sys.argv[1]) as engine:
        session = engine.session()
        with fm.record(session, path):
            for number in range(100):
                session.feed([number])
                print("fed", number + 1, flush=True)
                if len(list(journal_path(path).glob("*.safetensors"))) == int(sys.argv[3]):
                    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
