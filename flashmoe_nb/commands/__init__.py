"""The commands of `flashmoe`, one module each: `add` describes it, the rest runs it."""
