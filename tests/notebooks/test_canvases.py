"""A widget that is blank among others that are not is found."""

from typing import Any

import pytest

from tests.notebooks.canvases import shows

pytestmark = pytest.mark.browser

PAGE = """
<div class="fm-root" aria-label="painted"><div class="fm-body"><canvas width="9" height="9"></canvas>words</div></div>
<div class="fm-root" aria-label="blank"><div class="fm-body"><canvas width="9" height="9"></canvas>words</div></div>
<div class="fm-root" aria-label="words"><div class="fm-body">a token</div></div>
<div class="fm-root" aria-label="nothing"><div class="fm-body">&nbsp;</div></div>
<div class="fm-root" aria-label="hidden" style="display: none"><div class="fm-body"></div></div>
<script>
    const brush = document.querySelector('canvas').getContext('2d');
    ['red', 'green', 'blue'].forEach((colour, at) => { brush.fillStyle = colour; brush.fillRect(at, 0, 1, 9); });
</script>"""


def test_a_blank_widget_beside_a_painted_one_is_found(chromium: Any):
    page = chromium.new_page()
    page.set_content(PAGE)
    assert shows(page) == [("painted", True), ("blank", False), ("words", True), ("nothing", False)]
    page.close()
