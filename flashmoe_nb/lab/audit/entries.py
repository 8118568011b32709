"""The claims themselves, with whatever can be computed computed from the model's config.

Sources are files of danveloper/flash-moe ("its" below), its forks, and issues of other projects. Measured values of
ours are not repeated here: they stand in data/experiments with machine and command.
"""

from __future__ import annotations

from flashmoe_nb.lab.audit import arithmetic
from flashmoe_nb.lab.audit.claim import Claim, Claims, Standing
from flashmoe_nb.lab.sizes import load_config, model_sizes

GIB = 2**30 / 10**9

COMPUTED, MEASURED, RECORDED, UNOBSERVABLE = Standing


def claims() -> Claims:
    """All of them, the largest first."""
    return Claims((*_size_claims(), *_speed_claims(), *_cache_claims(), *_quality_claims(), *_cost_claims()))


def _size_claims() -> tuple[Claim, ...]:
    sizes = model_sizes(load_config("qwen3.5-397b")[1])
    packed, resident = sizes.experts.nbytes / 1e9, sizes.resident.nbytes / 1e9
    own, cut = arithmetic.active_share(sizes), arithmetic.active_share(sizes, 4)
    return (
        Claim(
            "397b-on-48gb",
            "A 397B-parameter model runs on a laptop with 48 GB",
            "its README and paper",
            "Others run it on 64 GB (3.2 to 5.4 tok/s) and on 128 GB (9.5 to 20 tok/s); at K=4, not 10.",
            f"Resident weights are {resident:.2f} GB and stream the rest: any memory above that and the KV cache runs "
            "it, speed depends on what is left for the page cache. With 16 slots this engine keeps 1.4 GB for two "
            "layers of the true shape (README, Memory). `flashmoe forecast qwen3.5-397b --ram 48GB`.",
            COMPUTED,
        ),
        Claim(
            "209-gb",
            "The model is 209 GB on disk",
            "its README and CLAUDE.md",
            "202.5 GiB measured by a fork (hhleeo); the download is about 224 GB.",
            f"60 layers of 512 experts of {sizes.expert.nbytes:,} bytes are {packed:.1f} GB packed, {packed / GIB:.1f} "
            f"GiB, and {resident:.2f} GB stay resident. 209 is neither. The vision tower is in the download only.",
            COMPUTED,
        ),
        Claim(
            "expert-size",
            "An expert is 6.75 MB",
            "its README",
            "",
            f"{sizes.expert.nbytes:,} bytes = {sizes.expert.nbytes / 2**20:.2f} MiB = {sizes.expert.nbytes / 1e6:.2f} "
            "MB: the number is right, its unit is MiB. At 2 bits 3,932,160 bytes.",
            COMPUTED,
        ),
        Claim(
            "active-share",
            "17B of 397B parameters work on a token: 4.3 %",
            "the model's name; quoted by its README beside K=4",
            "17B is the trained K=10; the original runs K=4.",
            f"Counted from the config: K=10 {own.text}; K=4 {cut.text}.",
            COMPUTED,
        ),
    )


def _speed_claims() -> tuple[Claim, ...]:
    return (
        Claim(
            "layer-time",
            "A layer takes 4.28 ms and the engine makes 4.36 tok/s",
            "its CLAUDE.md, docs/optimization-experiments-q4.md",
            "60 x 4.28 ms is 257 ms a token, which is 3.9 tok/s.",
            f"{arithmetic.tokens_per_s(4.28, 60):.2f} tok/s by its own numbers: 4.28 ms was taken before the FMA "
            f"kernel, 4.36 tok/s after it; 4.36 is {1000 / 4.36 / 60:.2f} ms a layer.",
            COMPUTED,
        ),
        Claim(
            "5.29",
            "5.29 tok/s at 4 bits",
            "its paper's table",
            "Marked discarded in its own results.tsv: measured with a warm cache of its own that was deleted later.",
            "The reproducible 4-bit rows of its log are 3.90 and 4.36.",
            RECORDED,
            ("own-lru",),
        ),
        Claim(
            "fma",
            "The FMA form of dequantisation brings 12 %",
            "its CLAUDE.md",
            'The heading in docs/optimization-experiments-q4.md says "+2.6 %"; 3.90 to 4.36 is +11.8 %.',
            "On CPU cores the two forms are timed on one thread, on GPUs against MLX's own kernel too. That the kernel "
            "is bound by arithmetic and not by memory is what makes it count on a GPU.",
            MEASURED,
            ("dequant-kernels",),
        ),
        Claim(
            "blas",
            "BLAS makes the delta rule 64 % faster than scalar code",
            "its CLAUDE.md",
            "0.78 to 0.28 ms is 64 % less time, or 2.8 x as fast.",
            "A scalar loop, BLAS calls and one fused pass over the state, in turns, at the true 64 x 128 x 128.",
            MEASURED,
            ("delta-kernels",),
        ),
        Claim(
            "ssd-17.5",
            "The SSD reads 17.5 GB/s",
            "its README (sequential)",
            "A fork doubts it (M1 Pro: 5.1 to 5.3); its own table has 4 cold reads of 7 MB in 5.8 ms.",
            f"4 records in 5.8 ms are {4 * 7.077888 / 5.8:.1f} GB/s; an expert a time is not a sequential read.",
            MEASURED,
            ("read-threads",),
        ),
        Claim(
            "prefill-skip",
            "Prefill skips the experts of all but the last prompt token",
            'its paper, "Batch Prefill"',
            "Its code skips only the read-back of the last layer; a port that really skipped them got garbage.",
            "Every prompt token goes through its experts here, each expert read once a layer and chunk.",
            COMPUTED,
        ),
        Claim(
            "58-experiments",
            "58 experiments",
            "its README",
            "Its paper says more than 90; an older log has 71 rows of its own.",
            arithmetic.ledger_counts(),
            COMPUTED,
        ),
    )


def _cache_claims() -> tuple[Claim, ...]:
    share = arithmetic.inferred_hit_rate(1.0, 5.8, 2.4)
    return (
        Claim(
            "71-percent",
            "The page cache answers 71 % of the reads",
            "its docs/plan-io-experiments.md",
            "Never measured: the engine counts hits of its own caches only.",
            f"Inferred from 4 reads taking 1.0 ms warm, 5.8 cold, 2.4 mixed: (5.8 - 2.4) / (5.8 - 1.0) = {share:.0%}, "
            "if a batch is either all warm or all cold. Here every read can be asked how much of it was resident "
            "(`engine.measure_residency`).",
            MEASURED,
            ("own-lru",),
        ),
        Claim(
            "trust-os",
            "A cache of one's own loses to the page cache: +38 % from deleting it",
            "its README; results.tsv 4.11 to 5.74 tok/s at 2 bits",
            "4.11 to 5.74 is +39.7 %, and both the cache and F_NOCACHE went at once; like for like, without a cache, "
            "F_NOCACHE to page cache is 5.68 to 5.74. boyle, holding 36 % of the experts, claims 8.8 tok/s on 128 GB.",
            "Same memory for both, outputs equal, interleaved.",
            MEASURED,
            ("own-lru", "own-lfu", "slot-bank", "pinned"),
        ),
        Claim(
            "overlap",
            "Reading while the GPU computes is harmful: they share the memory controller",
            "its docs/optimization-experiments-q4.md (reads -31 %, GPU wait +73 %)",
            "Forks claim +31 to +55 % from prefetch, and a later A/B of the same fork -3 %.",
            "Whether reading beside computing pays is measured here in time. Why cannot be seen: no counter of the "
            "memory controller is read, on any machine.",
            UNOBSERVABLE,
            ("overlap", "prefetch-previous-token", "prefetch-next-router"),
        ),
        Claim(
            "f-nocache",
            "F_NOCACHE brings 3 % at 2 bits",
            "its CLAUDE.md",
            'Its paper: 1 % slower than trusting the system; its log: "keep". All within noise. It does not evict what '
            "is resident.",
            "Direct reads against reads through the cache, cold and warm.",
            MEASURED,
            ("direct-reads",),
        ),
        Claim(
            "clustering",
            "Storing together what fires together changes nothing",
            "its results.tsv (0 %)",
            "A pull request measures 8.76 to 6.33 ms for 4 cold reads on an M1 Pro (-28 %).",
            "Records are laid out by co-activation of one half of a run and read for the other half.",
            MEASURED,
            ("clustering",),
        ),
        Claim(
            "lz4",
            "LZ4 records lose 13 %",
            "its results.tsv",
            "15 to 24 % faster when cold, by its own isolated test; 209 to 175 GB on trained weights.",
            "4-bit codes of random weights do not shrink at all; give a trained model for the ratio.",
            MEASURED,
            ("lz4",),
        ),
    )


def _quality_claims() -> tuple[Claim, ...]:
    return (
        Claim(
            "k4",
            "K=4 keeps the quality; K=3 collapses",
            "its README; early log (2af7844) rows 28, 29, 43 and 53",
            "Five prompts, judged by eye. A fork's 26 tasks on the 35B: K=3 23, K=4 24, K=5 25, K=8 25; another claims "
            "the model was trained with K=4: its config says 10. Perplexity at K=10 was never published.",
            "KL, perplexity and bytes by K on the demo model. Its training drew K=4 for 30 % of the steps, so it "
            "flatters K=4; the real model was not trained for it.",
            MEASURED,
            ("k-sweep",),
        ),
        Claim(
            "2-bit",
            "2-bit experts: 5.74 tok/s and 120 GB, but JSON breaks",
            "its README",
            'Its log calls the same runs "excellent". A fork: WikiText-2 perplexity 3.64 at 4 bits, 5.71 at 2.',
            f"Speed, size and damage belong together: {3_932_160 / 7_077_888:.0%} of the bytes. The demo "
            "model mostly says at 2 bits that no tool fits (exact calls 96 to 63 % of 250); see docs/chat.md.",
            MEASURED,
            ("fewer-bits",),
        ),
        Claim(
            "temporal",
            "A token shares 8 to 34 % of its experts with the one before; prediction is useless",
            "its paper and docs (25.6 %)",
            "Next-layer routers reach 77 to 89 % on other models (FATE, BigMoeOnEdge), without gain in speed.",
            "0.256^4 is 0.4 %: wall time is the slowest of K reads, so nearly all must be foretold. Hits and waste are "
            "counted, with a control that knows the answer.",
            MEASURED,
            ("prefetch-previous-token", "prefetch-next-router"),
        ),
        Claim(
            "shared-expert",
            "The shared expert can be halved or left out for speed",
            "forks (Alexintosh, gorroai: autoresearch)",
            "No quality was published with it.",
            "Time saved, KL and perplexity on the demo model.",
            MEASURED,
            ("skip-shared",),
        ),
    )


def _cost_claims() -> tuple[Claim, ...]:
    hours, prefill = arithmetic.hours_for(10**6, 4.36), arithmetic.hours_for(10**6, 1000 / 105)
    return (
        Claim(
            "api-price",
            "An API charges $0.40 for a million input tokens; here they are free",
            "discussions of the original",
            "",
            f"A million tokens decoded at 4.36 tok/s take {hours:.0f} hours. At 40 W (assumed) and $0.25 a kWh "
            f"(assumed) that is {arithmetic.kilowatt_hours(hours, 40):.1f} kWh = "
            f"${arithmetic.kilowatt_hours(hours, 40) * 0.25:.2f}. A million input tokens at the 105 ms each that a "
            f"fork measured take {prefill:.0f} hours; a prompt of 13,900 tokens took another 44 minutes.",
            COMPUTED,
        ),
    )
