"""What the original engine claims, who contradicts it, and every experiment it logged."""

from flashmoe_nb.lab.audit.claim import Claim, Claims, Standing
from flashmoe_nb.lab.audit.entries import claims
from flashmoe_nb.lab.audit.ledger import Ledger, LedgerRow, ledger

__all__ = ["Claim", "Claims", "Ledger", "LedgerRow", "Standing", "claims", "ledger"]
