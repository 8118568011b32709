"""Text and tokens: tokenizer, chat template, incremental detokenizer, tool-call parsers, generation defaults."""

from flashmoe_nb.text.chat_template import ChatTemplate
from flashmoe_nb.text.detokenizer import Detokenizer
from flashmoe_nb.text.generation_config import GenerationDefaults
from flashmoe_nb.text.tokenizer import Tokenizer

__all__ = ["ChatTemplate", "Detokenizer", "GenerationDefaults", "Tokenizer"]
