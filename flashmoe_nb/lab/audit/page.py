"""What stands above the claims in docs/claims.md."""

PAGE = """# What the original claims, and what can be said here

The claims of [flash-moe](https://github.com/danveloper/flash-moe), its paper and its forks, each with its source,
whoever contradicts it, and what follows from arithmetic or can be measured with this package. Printed by
`flashmoe lab claims --markdown`; in a notebook `flashmoe_nb.lab.claims()`. Every experiment it logged:
`flashmoe_nb.lab.ledger()`, `flashmoe lab ledger`.

"""
