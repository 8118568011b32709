"""What every test shares: how Hypothesis searches."""

import os

from hypothesis import HealthCheck, settings

# No deadline: the first call of a backend compiles. The same examples every time in CI, new ones at a desk.
settings.register_profile("desk", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("desk"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")
