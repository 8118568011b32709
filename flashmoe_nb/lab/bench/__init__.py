"""What it costs, measured: suites behind `flashmoe bench`, each a function from options to tables.

Speed and memory of this machine with the real engine on real files. Nothing here is asserted in tests; results carry
machine, versions and command.
"""
