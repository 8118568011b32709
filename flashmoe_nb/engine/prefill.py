"""How many tokens of a prompt go through the layers together when nobody says."""

DEFAULT_CHUNK = 512
"""With 512 experts and K=10 nearly all experts of a layer are read for a chunk, so a longer one reads less a token."""
