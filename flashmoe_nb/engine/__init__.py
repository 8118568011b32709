"""Opening a model, sessions, and the one driver that runs the layers."""

from flashmoe_nb.engine.engine import Engine
from flashmoe_nb.engine.generate import Token
from flashmoe_nb.engine.memory_limit import MemoryLimit, memory_limit
from flashmoe_nb.engine.opening import open_engine
from flashmoe_nb.engine.player import Player
from flashmoe_nb.engine.session import Session
from flashmoe_nb.engine.steps import Steps

__all__ = ["Engine", "MemoryLimit", "Player", "Session", "Steps", "Token", "memory_limit", "open_engine"]
