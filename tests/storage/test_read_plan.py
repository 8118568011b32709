from flashmoe_nb.storage.read_plan import SPLIT_BYTES, plan_reads
from flashmoe_nb.storage.record import ByteRange


def test_plan_joins_neighbours_of_one_file_only():
    ranges = (ByteRange(0, 5, 10), ByteRange(0, 15, 3), ByteRange(1, 18, 4), ByteRange(1, 23, 1), ByteRange(1, 24, 1))
    pieces = plan_reads(ranges, split=True)
    assert [(piece.file, piece.offset, piece.nbytes, piece.first, piece.last) for piece in pieces] == [
        (0, 5, 13, 0, 2),
        (1, 18, 4, 2, 3),
        (1, 23, 2, 3, 5),
    ]


def test_plan_splits_large_components_only_when_asked():
    ranges = (ByteRange(0, 0, 7), ByteRange(0, 7, SPLIT_BYTES + 1), ByteRange(0, SPLIT_BYTES + 8, 7))
    assert len(plan_reads(ranges, split=False)) == 1
    pieces = plan_reads(ranges, split=True)
    assert [(piece.nbytes, piece.skip_bytes) for piece in pieces] == [
        (7, -1),
        (SPLIT_BYTES, 0),
        (1, SPLIT_BYTES),
        (7, -1),
    ]
