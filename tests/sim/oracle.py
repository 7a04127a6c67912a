"""The merge rule as an executable specification: what docs/merge-rule.md says, in the fewest words
that run. compare.py holds the C module against it, record by record.

A store here is a few dictionaries, and nothing is ever lost or aborted."""
from dataclasses import dataclass, field

STREAMED, READ, INCREMENTAL, TOMBSTONE = 'streamed', 'read', 'incremental', 'tombstone'


@dataclass
class Record:
    """One Kafka record. commit and l are Debezium's source.sequence [C, l]; other is the other key of
    a primary-key move; missing names the columns that came as placeholders; gap is the newest offset of
    the partition, up to this one, behind offsets that were never delivered."""
    kind: str
    op: str
    partition: int
    offset: int
    key: str
    other: str = None
    commit: int = None
    l: int = 0
    tx: int = None
    ts: int = 0
    row: dict = None
    missing: frozenset = frozenset()
    gap: int = -1

    @property
    def H(self):
        return max(self.commit or 0, self.l)

    @property
    def position(self):
        return self.H, self.l


class Mark:
    """Where in the stream the newest snapshot row of a key belongs."""

    def __init__(self, r):
        self.H, self.l, self.partition, self.offset = r.H, r.l, r.partition, r.offset
        self.first = r.kind == READ and r.commit is None     # an initial snapshot: exact at l
        self.edge = self.first or r.commit == r.l            # between two transactions

    @property
    def position(self):
        return self.H, self.l


@dataclass
class Row:
    """A row as far as it is known. ref: the move that will bring what is missing."""
    values: dict = None
    missing: frozenset = frozenset()
    ref: tuple = None


@dataclass
class State:
    """What is kept per key. A dead key keeps it: that is the delete mark."""
    alive: bool = False
    row: Row = field(default_factory=Row)
    stamp: tuple = (0, 0)                 # (H, l) of the newest streamed change …
    tx: int = None                        # … and its transaction
    mark: Mark = None
    ahead: int = 0                        # until this source time the row may be ahead of the stream
    seen: tuple = None                    # (partition, offset, was it a d) of the last record met
    partition: int = -1                   # Kafka's place of the last record applied
    offset: int = -1
    quarantined: bool = False


@dataclass
class Wanted:
    """Half of a move: the new one came first. waiter: a key, or the move that the row went on by."""
    waiter: object
    waits_as_move: bool


def newer(r, st):
    """A streamed change against a streamed change of its key."""
    if r.l == st.stamp[1]:
        return False
    if r.tx is not None and r.tx == st.tx:
        return r.l > st.stamp[1]
    return r.position > st.stamp


def after(position, mark, place=None):
    """A streamed change against a snapshot row; place: (partition, offset), where Kafka's order counts."""
    H, l = position
    if H > mark.H or (H == mark.H and (mark.edge or l >= mark.l)):
        return True
    return mark.first and place is not None and place[0] == mark.partition and place[1] > mark.offset


class Making:
    """What tells the time before the newest initial snapshot from the time behind it, while a cache is made."""

    def __init__(self):
        self.l, self.first_row = 0, {}    # its place; partition -> offset of its first row there
        self.older_met, self.old_H = False, 0
        self.spanning = None              # (H, tx) of the transaction that has changes on both sides
        self.top = {}                     # partition -> (H, offset) of the highest streamed change

    def meet(self, r):
        if r.kind == READ and r.commit is None:
            self.meet_row(r)
        elif r.kind == STREAMED:
            spans = r.commit is None if r.H >= self.l else r.offset > self.first_row.get(r.partition, r.offset)
            if self.l and spans and r.tx is not None:
                self.spanning = r.H, r.tx
            if r.H >= self.top.get(r.partition, (0, 0))[0]:
                self.top[r.partition] = r.H, r.offset

    def meet_row(self, r):
        self.older_met |= self.l not in (0, r.l)
        if r.l < self.l:
            return
        if r.l > self.l:
            self.l, self.first_row = r.l, {}
            self.spanning = self.spanning if self.spanning and self.spanning[0] >= r.l else None
        H, offset = self.top.get(r.partition, (0, r.offset))
        if r.partition not in self.first_row and offset < r.offset and H < r.l:
            self.old_H = max(self.old_H, H)
        self.first_row[r.partition] = min(r.offset, self.first_row.get(r.partition, r.offset))

    def verdict(self, st):
        """'stays', 'goes' or 'doubtful'"""
        H = max(st.stamp[0], st.mark.H if st.mark else 0)
        if not st.alive or H >= self.l:
            return 'stays'
        if st.partition in self.first_row:
            return 'stays' if st.offset > self.first_row[st.partition] else 'goes'
        if not st.stamp[1]:
            return 'goes'
        if self.spanning:
            return 'stays' if st.tx == self.spanning[1] else 'goes'
        return 'goes' if H <= self.old_H else 'doubtful'


class Rule:
    def __init__(self, gap_rule=False, made=False):
        self.making = Making() if made else None
        self.states = {}
        self.moves = {}                   # (old key, l) -> Row (given) or Wanted
        self.truncated = (0, 0)           # (H, l)
        self.gap_rule = gap_rule

    # ---- guards

    def truncated_read(self, mark):
        return self.truncated[1] > 0 and after(self.truncated, mark)

    def stream_wins(self, r):
        st = self.states.get(r.key)
        if r.l <= self.truncated[1]:
            return False
        if st is None:
            return True
        if st.stamp[1] and not newer(r, st):
            return False
        return st.mark is None or after(r.position, st.mark, (r.partition, r.offset))

    def read_wins(self, mark, st):
        if self.truncated_read(mark):
            return False
        if st is None:
            return True
        if st.mark and mark.position <= st.mark.position:
            return False
        return not st.stamp[1] or not after(st.stamp, mark)

    def past(self, key, r):
        """Has this key certainly gone beyond the change r, whose other half touches it?"""
        st = self.states.get(key)
        if r.l <= self.truncated[1]:
            return True
        if st is None:
            return False
        if st.stamp[1] and not newer(r, st):
            return True
        return st.mark is not None and not st.mark.first and not after(r.position, st.mark)

    def gap_since(self, r, partition, offset):
        return self.gap_rule and partition == r.partition and r.gap > offset

    def suspect(self, r, st):
        """May the stored row be stale?"""
        return st.quarantined or self.gap_since(r, st.partition, st.offset)

    # ---- records

    def apply(self, r):
        if self.making:
            self.making.meet(r)
        if r.op == 't':
            self.truncate(r)
        elif r.kind == TOMBSTONE:
            self.tombstone(r)
        elif r.kind != STREAMED:
            self.read(r)
        elif r.op == 'd':
            self.delete(r)
        else:
            self.upsert(r)
        st = self.states.get(r.key)
        if st and (st.seen is None or st.seen[0] != r.partition or r.offset > st.seen[1]):
            st.seen = r.partition, r.offset, r.kind == STREAMED and r.op == 'd'

    def made(self):
        """All that was there is applied: the newest initial snapshot says what is there."""
        making, self.making = self.making, None
        if not making.older_met and not making.old_H:
            return
        for st in self.states.values():
            verdict = making.verdict(st)
            if verdict == 'goes':
                self.forget(st.row.ref)
                st.alive, st.row, st.quarantined = False, Row(), False
            st.quarantined |= verdict == 'doubtful'

    def stamp(self, st, r):
        if st.mark and after(r.position, st.mark):
            st.mark = None
        st.stamp, st.tx, st.partition, st.offset = r.position, r.tx, r.partition, r.offset

    def upsert(self, r):
        is_new_half = r.op == 'c' and r.other is not None
        if not self.stream_wins(r):
            if is_new_half:
                self.drop_given((r.other, r.l))
            return
        st = self.states.setdefault(r.key, State())
        old_ref, row = st.row.ref, Row(r.row, r.missing)
        if is_new_half:
            row = self.take_from_move(r)
        elif r.missing:
            usable = r.op == 'u' and st.alive and not self.suspect(r, st)
            row = fill(row, st.row if usable else Row())
        if is_new_half or not r.missing:
            st.ahead = 0
        st.alive, st.row, st.quarantined = True, row, False
        self.stamp(st, r)
        if old_ref != row.ref:
            self.forget(old_ref)
        if row.ref:
            self.moves[row.ref] = Wanted(r.key, False)

    def take_from_move(self, r):
        """c(new): placeholders come from the moved row only, never from what is stored here."""
        move, row = (r.other, r.l), Row(r.row, r.missing)
        if not r.missing:
            self.drop_given(move)
            return row
        moved = self.moves.get(move)
        if isinstance(moved, Row):
            del self.moves[move]
            row = fill(row, moved)
            if not row.missing:
                self.forget(moved.ref)
        elif not self.past(r.other, r):
            row.ref = move
        return row

    def delete(self, r):
        if not self.stream_wins(r):
            return
        st = self.states.setdefault(r.key, State())
        if r.other is not None:
            self.old_half(r, st)
        else:
            self.forget(st.row.ref)
        st.alive, st.row, st.quarantined = False, Row(), False
        self.stamp(st, r)

    def old_half(self, r, st):
        """d(old): hand the row over to whoever waits, or keep it until c(new) comes."""
        move, moved = (r.key, r.l), Row()
        if st.alive and (r.ts <= st.ahead or self.suspect(r, st)):
            self.forget(st.row.ref)
        elif st.alive:
            moved = st.row
        wanted = self.moves.pop(move, None)
        if isinstance(wanted, Wanted):
            self.resolve(wanted, moved, move)
        elif self.past(r.other, r):
            self.forget(moved.ref)
        else:
            self.moves[move] = moved
            if moved.ref:
                self.moves[moved.ref] = Wanted(move, True)

    def resolve(self, wanted, moved, move):
        if wanted.waits_as_move:
            waiting = self.moves.get(wanted.waiter)
        else:
            st = self.states.get(wanted.waiter)
            waiting = st.row if st else None
        if not isinstance(waiting, Row) or waiting.ref != move:
            return                                          # never bring a row back
        row = fill(waiting, moved)
        if wanted.waits_as_move:
            self.moves[wanted.waiter] = row
        else:
            st.row = row
        if row.missing and moved.ref:
            self.moves[moved.ref] = wanted
        else:
            self.forget(moved.ref)

    def forget(self, ref):
        if isinstance(self.moves.get(ref), Wanted):
            del self.moves[ref]

    def drop_given(self, move):
        moved = self.moves.get(move)
        if isinstance(moved, Row):
            self.forget(moved.ref)
            del self.moves[move]

    def truncate(self, r):
        if r.l <= self.truncated[1]:
            return
        self.truncated = r.position
        self.states = {k: st for k, st in self.states.items()
                       if st.stamp[1] >= r.l or (st.mark and not self.truncated_read(st.mark))}
        self.moves = {move: half for move, half in self.moves.items() if move[1] >= r.l}

    def read(self, r):
        mark, st = Mark(r), self.states.get(r.key)
        if not self.read_wins(mark, st):
            return
        st = self.states.setdefault(r.key, State())
        self.forget(st.row.ref)
        st.alive, st.row, st.mark, st.quarantined = True, Row(r.row), mark, False
        st.ahead = r.ts if r.kind == READ and r.commit is not None else 0
        st.partition, st.offset = r.partition, r.offset     # the stamp stays: a floor

    def tombstone(self, r):
        st = self.states.get(r.key)
        if not st or not st.alive or not st.seen or st.seen[0] != r.partition or r.offset <= st.seen[1]:
            return
        if st.seen[2]:                                      # behind its d
            st.quarantined |= self.gap_since(r, r.partition, st.seen[1])
            return
        self.forget(st.row.ref)
        st.alive, st.row, st.mark, st.quarantined = False, Row(), None, False
        st.stamp = st.stamp[0], max(st.stamp[1] - 1, 0)     # the same change may come again
        st.partition, st.offset = r.partition, r.offset


def fill(row, base):
    """What row misses, from base; what base misses too waits for base's move."""
    have = {c for c in row.missing if base.values and c in base.values and c not in base.missing}
    values = dict(row.values, **{c: base.values[c] for c in have})
    missing = row.missing - have
    return Row(values, missing, base.ref if missing else None)
