"""What the operating system's page cache holds of a file: knows byte ranges and pages, nothing of experts."""

from flashmoe_nb.pagecache.probe import PageCacheProbe, open_probe

__all__ = ["PageCacheProbe", "open_probe"]
