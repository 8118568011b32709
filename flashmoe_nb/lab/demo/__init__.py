"""The demo model: its corpus, tokenizer, training, quantisation and evaluation.

Knows nothing of the engine. Training needs `torch`, evaluation `mlx_lm`; the modules that use them import them.
"""
