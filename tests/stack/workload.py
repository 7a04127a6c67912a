"""A random concurrent workload: sessions that each run one random transaction after the other.

Nothing is expected of a statement: keys collide, transactions deadlock, roll back and lose their server. What
the tables hold in the end is the truth that caches are compared with.
"""
import random
import threading
import time

from postgres import Session
from process import StackError

TABLES = ("accounts", "entries", "labels", "hot", "full_rows", "journal", "wide", "marker")
KEYS = {"entries": ("account_id", "seq"), "labels": ("name",)}  # of the others it is id
SNAPSHOT_TABLES = ("accounts", "entries", "labels", "hot", "full_rows")
# For JSON without schemas, whose bytes carry no types.
TYPES = {
    "accounts": {"id": "integer", "owner": "text", "balance": "numeric(12,2)", "note": "text", "active": "boolean",
                 "updated_at": "timestamptz"},
    "entries": {"account_id": "bigint", "seq": "integer", "amount": "numeric(12,2)", "memo": "text", "at": "timestamp"},
    "labels": {"name": "text", "big": "text", "n": "integer", "doc": "jsonb", "parts": "text[]", "raw": "bytea"},
    "hot": {"id": "integer", "n": "bigint", "big": "text", "small": "text"},
    "full_rows": {"id": "integer", "n": "integer", "big": "text"},
    "journal": {"id": "bigint", "body": "text", "n": "integer"},
    "wide": {"id": "integer", "n": "integer", "big": "text", "c1": "integer", "c2": "text", "c3": "numeric(8,2)"},
    "marker": {"id": "integer", "token": "text"},
}
WIDE_COLUMNS = {"c1": "int default 7", "c2": "text default 'seven'", "c3": "numeric(8, 2)"}


class Statements:
    """Random statements; one stream of them for each seed. `folder` is where COPY reads from."""

    def __init__(self, rng, folder, worker, alters=True):
        self.rng, self.folder, self.worker, self.alters = rng, folder, worker, alters
        self.kinds = [(9, self.account), (3, self.account_move), (2, self.account_swap), (2, self.accounts_many),
                      (5, self.entry), (2, self.entries_copied), (6, self.label), (3, self.label_move), (10, self.hot),
                      (2, self.hot_again), (3, self.full_row), (4, self.journal), (4, self.wide)]

    def transaction(self):
        """One transaction, as text for psql."""
        rng = self.rng
        if rng.random() < 0.02 and self.alters:
            return self.alter()
        if rng.random() < 0.01:
            return "truncate journal;"
        body = []
        for _ in range(rng.choice([1, 1, 2, 3, 6])):
            statement = self._one()
            if rng.random() < 0.25:
                end = rng.choice(["rollback to s", "release s"])
                statement = f"savepoint s; {statement} {end};"
            body.append(statement)
            if rng.random() < 0.1:
                body.append(f"select pg_sleep({rng.random() * 0.05:.3f});")
        return " ".join(["begin;", *body, "rollback;" if rng.random() < 0.12 else "commit;"])

    def big_transaction(self):
        """One that takes Debezium a while, so that it can be killed inside it."""
        first = self.rng.randrange(10 ** 9)
        return ("begin; update accounts set balance = balance + 1; update labels set n = n + 1; update hot set n = n + 1; "
                "update accounts set id = id + 2000 where id % 5 = 0; update accounts set balance = balance + 1; "
                "delete from entries where seq % 3 = 0; update labels set name = name || '+' where n % 4 = 0; "
                f"insert into journal select n, 'big' from generate_series({first}, {first + 3999}) n; "
                "update hot set n = n + 1, small = 'big'; commit;")

    def _one(self):
        weights, makers = zip(*self.kinds)
        return self.rng.choices(makers, weights)[0]()

    def _long(self):
        text = f"{self.rng.getrandbits(64):x}"
        return f"repeat('{text}', {self.rng.choice([0, 1, 200, 300])})"

    def account(self):
        """Insert, update, delete of one account; mostly not of its long note."""
        key = self.rng.randint(1, 300)
        return self.rng.choice([
            f"insert into accounts values ({key}, 'o{key}', {self.rng.randint(-99, 99)}.25, {self._long()}) on conflict do nothing;",
            f"update accounts set balance = balance + 1.5, updated_at = clock_timestamp() where id = {key};",
            f"update accounts set balance = balance + 1.5 where id = {key};",
            f"update accounts set note = {self._long()} where id = {key};",
            f"update accounts set note = null, active = not active where id = {key};",
            f"delete from accounts where id = {key};",
            f"delete from accounts where id = {key}; insert into accounts values ({key}, 'again', 0, {self._long()});",
        ])

    def account_move(self):
        """A primary key moves; sometimes on."""
        a, b, c = (self.rng.randint(1, 300) for _ in range(3))
        move = f"update accounts set id = {b} where id = {a};"
        return self.rng.choice([move, f"delete from accounts where id = {b}; {move}", move + f" update accounts set id = {c} where id = {b};",
                                f"update accounts set id = {b}, note = {self._long()} where id = {a};"])

    def account_swap(self):
        """Two rows swap their keys by way of a third."""
        a, b = self.rng.randint(1, 300), self.rng.randint(1, 300)
        aside = 100000 + self.worker
        return (f"update accounts set id = {aside} where id = {a}; update accounts set id = {a} where id = {b}; "
                f"update accounts set id = {b} where id = {aside};")

    def accounts_many(self):
        """One statement, many rows."""
        k = self.rng.randint(0, 12)
        return self.rng.choice([f"update accounts set balance = balance - 1 where id % 13 = {k};",
                                f"update accounts set id = id + 300 where id between {k * 20} and {k * 20 + 5};",
                                f"update accounts set id = id - 300 where id between {k * 20 + 301} and {k * 20 + 310};",
                                f"delete from accounts where id % 61 = {k};"])

    def entry(self):
        """A key of two columns."""
        account, seq = self.rng.randint(1, 40), self.rng.randint(1, 400)
        return self.rng.choice([
            f"insert into entries values ({account}, {seq}, {seq}.5, 'm', clock_timestamp()) on conflict (account_id, seq) do update set amount = 0;",
            f"update entries set amount = amount * 1.1 where account_id = {account};",
            f"update entries set account_id = {self.rng.randint(1, 40)} where account_id = {account} and seq = {seq};",
            f"delete from entries where account_id = {account} and seq % 4 = 1;"])

    def entries_copied(self):
        """Rows that share one LSN."""
        start = self.rng.randint(1000, 10 ** 8)
        path = self.folder / f"copy-{self.worker}.txt"
        account = self.rng.randint(1, 40)
        path.write_text("".join(f"{account}\t{start + i}\t{i}.01\tcopied\t\\N\n" for i in range(20)), encoding="utf-8")
        return f"copy entries from '{path}';"

    def label(self):
        """Long columns of several types that an update leaves alone."""
        name = f"label {self.rng.randint(1, 80)}"
        return self.rng.choice([
            f"insert into labels values ('{name}', {self._long()}, 0, null, null, null) on conflict do nothing;",
            f"update labels set n = n + 1 where name = '{name}';",
            f"update labels set n = n + 1, big = {self._long()} where name = '{name}';",
            f"update labels set doc = jsonb_build_object('x', {self._long()}, 'n', {self.rng.random():.9f}) where name = '{name}';",
            f"update labels set parts = array[{self._long()}, null, 'a,\"b'], raw = convert_to({self._long()}, 'UTF8') where name = '{name}';",
            f"update labels set doc = null, parts = '{{}}' where name = '{name}';",
            f"delete from labels where name = '{name}';"])

    def label_move(self):
        """A text key moves, with and without its long columns."""
        a, b = (f"label {self.rng.randint(1, 80)}" for _ in range(2))
        return self.rng.choice([f"update labels set name = '{b}' where name = '{a}';",
                                f"update labels set name = '{b}', doc = null where name = '{a}';",
                                f"delete from labels where name = '{b}'; update labels set name = '{b}' where name = '{a}';"])

    def hot(self):
        """Ten keys, everybody."""
        a, b = self.rng.randint(1, 10), self.rng.randint(1, 10)
        return self.rng.choice([
            f"update hot set n = n + 1 where id = {a};",
            f"update hot set n = n + 1, small = '{self.rng.random()}' where id = {a};",
            f"update hot set big = {self._long()} where id = {a};",
            f"delete from hot where id = {a};",
            f"insert into hot values ({a}, 0, {self._long()}, 'new') on conflict do nothing;",
            f"insert into hot values ({a}, 0, {self._long()}, 'new');",
            f"update hot set id = {b} where id = {a};"])

    def hot_again(self):
        """Out and in again within a transaction."""
        a = self.rng.randint(1, 10)
        return f"delete from hot where id = {a}; insert into hot values ({a}, 1, {self._long()}, 'again'); update hot set n = 2 where id = {a};"

    def full_row(self):
        """REPLICA IDENTITY FULL."""
        a, b = self.rng.randint(1, 80), self.rng.randint(1, 80)
        return self.rng.choice([f"update full_rows set n = n + 1 where id = {a};", f"update full_rows set id = {b} where id = {a};",
                                f"delete from full_rows where id = {a};",
                                f"insert into full_rows values ({a}, 0, {self._long()}) on conflict do nothing;"])

    def journal(self):
        """Filled as it is truncated elsewhere."""
        key = self.rng.randint(1, 200)
        return self.rng.choice([f"insert into journal values ({key}, {self._long()}) on conflict (id) do update set n = journal.n + 1;",
                                f"update journal set n = n + 1 where id = {key};",
                                f"update journal set id = {self.rng.randint(1, 200)} where id = {key};"])

    def wide(self):
        """Rows of the table whose columns change."""
        key = self.rng.randint(1, 80)
        return self.rng.choice([f"insert into wide (id, big) values ({key}, {self._long()}) on conflict do nothing;",
                                f"update wide set n = n + 1 where id = {key};", f"delete from wide where id = {key};"])

    def alter(self):
        """A column comes or goes. Rows that nobody touches are not sent again, so all are touched."""
        column = self.rng.choice(sorted(WIDE_COLUMNS))
        change = self.rng.choice([f"add column if not exists {column} {WIDE_COLUMNS[column]}", f"drop column if exists {column}"])
        return f"begin; alter table wide {change}; update wide set n = n + 1; commit;"


class Workload:
    """`workers` sessions, each on a thread of its own, until it is stopped."""

    def __init__(self, postgres, seed, folder, workers=4, pause=0.03, alters=True):
        self.postgres, self.pause = postgres, pause
        self.ending = threading.Event()
        self.transactions = 0
        streams = [Statements(random.Random(f"{seed}/{i}"), folder, i, alters) for i in range(workers)]
        self.threads = [threading.Thread(target=self._work, args=(s,), daemon=True) for s in streams]

    def start(self):
        """Begins."""
        for thread in self.threads:
            thread.start()

    def stop(self):
        """Ends it; each session finishes its transaction."""
        self.ending.set()
        for thread in self.threads:
            thread.join(60)
            if thread.is_alive():
                raise StackError("a session of the workload does not end")

    def _work(self, statements):
        session = None
        while not self.ending.is_set():
            try:
                if session is None:
                    session = Session(self.postgres)
                    session.run("set lock_timeout = '3s'; set statement_timeout = '10s';")
                session.run(statements.transaction())
                self.transactions += 1
                time.sleep(statements.rng.random() * 2 * self.pause)
            except ConnectionError:
                session = None
                time.sleep(0.2)
        if session:
            session.close()
