"""A conversation in a widget: what is said, tools and their results, and the tokens it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from flashmoe_nb.chat import Chat
from flashmoe_nb.engine import Engine
from flashmoe_nb.errors import OptionError
from flashmoe_nb.widgets.chat_panel import ChatPanel
from flashmoe_nb.widgets.router_view import usage_picture
from flashmoe_nb.widgets.view import STATIC, View

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class ChatView(View):
    """Talk to a model; attach other views to this one to see its tokens: `fm.RouterView(chat_view)`.

    Choosing a word of an answer chooses its token, which views that are linked by `ipywidgets.jslink` show.
    """

    _esm = STATIC / "chat_view.js"

    def __init__(self, source: Chat | Engine | None = None) -> None:
        super().__init__()
        self.panel = ChatPanel(self)
        if source is not None:
            self.attach(source)

    @property
    def chat(self) -> Chat | None:
        """The conversation; None before one is attached."""
        return self.panel.chat

    def attach(self, source: Any, *, measure_residency: bool = False) -> Self:
        """Hold a conversation from now on, and record its session.

        Args:
            source: an `fm.Chat` with its tools and its past, or an engine, with which one begins.
            measure_residency: as `View.attach`.

        Raises:
            OptionError: anything else.
        """
        if not isinstance(source, Chat | Engine):
            msg = f"ChatView.attach was given {source!r}: give an fm.Chat, or an engine"
            raise OptionError(msg + "; a recorded trace cannot answer")
        chat = Chat(source) if isinstance(source, Engine) else source
        super().attach(chat.session, measure_residency=measure_residency)
        self.panel.show(chat)
        return self

    def detach(self) -> Self:
        """Stop the answer on its way, and record no more; what is shown stays."""
        self.panel.leave()
        super().detach()
        return self

    def picture(self) -> NDArray[np.uint8]:
        """How often each expert was chosen."""
        return super().picture() if self.trace is None or not len(self.trace) else usage_picture(self.trace)
