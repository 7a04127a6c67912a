# Sync by transaction, where a connector or a topic is not as it should be: a restart within a transaction, an END that is none,
# ENDs that are late, a topic that is compacted, a source that goes back in its history.
. "$(dirname "$0")/lib.sh"

cat >"$T/stream.py" <<'PY'
import base64, json
offsets, out = {}, []
def put(topic, partition, key, value):
    offset = offsets.get((topic, partition), 0)
    offsets[topic, partition] = offset + 1
    text = [base64.b64encode((v if isinstance(v, str) else json.dumps(v)).encode()).decode() for v in (key, value)]
    out.append({"topic": topic, "partition": partition, "offset": offset, "timestamp": 1, "key": text[0], "value": text[1]})
def person(partition, id, op, email, tx, lsn, total, order, commit, ts=None):
    source = {"connector": "postgresql", "schema": "public", "table": "people", "snapshot": "false", "txId": tx, "lsn": lsn, "db": "d",
              "sequence": json.dumps([commit and str(commit), str(lsn)]), "ts_ms": ts or lsn}
    put("s.public.people", partition, {"id": id}, {"before": None, "after": {"id": id, "email": email}, "source": source, "op": op,
        "transaction": {"id": "%d:%d" % (tx, lsn), "total_order": total, "data_collection_order": order}})
def begin(tx, lsn):
    put("s.transaction", 0, {"id": tx}, {"status": "BEGIN", "id": "%d:%d" % (tx, lsn), "event_count": None, "data_collections": None})
def end(tx, lsn, people):
    put("s.transaction", 0, {"id": tx}, {"status": "END", "id": "%d:%d" % (tx, lsn), "event_count": people,
        "data_collections": [{"data_collection": "public.people", "event_count": people}] if people else []})
def write(path, records=None):
    with open(path, "w") as f:
        for r in out if records is None else records:
            f.write(json.dumps(r) + "\n")
PY
# stream FILE PROGRAM
stream() { (cd "$T" && python3 -c "from stream import *
$2
write('$1')"); }
config() { # SOURCE'S-KEYS LIMITS
    rm -f "$T"/by.db*
    sqlite3 "$T/by.db" 'create table people (id int primary key, email text not null unique, _weir_pos bytea)'
    CONFIG=$T/by.yaml
    cat >"$CONFIG" <<Y
weir: 1
name: by
kafka: { bootstrap.servers: "$BROKERS" }
limits: { in_flight: $2 }
sources: { s: { connector: postgresql$1 } }
stores: { db: { type: sqlite, path: "$T/by.db" } }
tables:
  people: { from: s.public.people, store: db, apply: by_transaction }
Y
}
rows() { sqlite3 "$T/by.db" 'select id, email from people order by id'; }
# How many sources have a last commit that was applied.
commits() { sqlite3 "$T/by.db" "select count(*) from weir_state where cast(key as text) like '%transactions:s%'"; }
people_are() { [ "$(sqlite3 "$T/by.db" 'select count(*) from people')" -eq "$1" ]; }

config '' 64MiB
sed -i 's/by_transaction }/by_transaction, soft_delete: gone }/' "$CONFIG"
run "rows that the source has no more" 0 check "$CONFIG"
err_has 'people.soft_delete.*may refuse what the source took'

before="
person(0,1,'c','a',1,11,1,1,None)
person(1,2,'c','b',1,12,2,2,None)
end(1,100,2)
begin(2,110)
person(0,1,'u','-',2,111,1,1,100)"
config '' 64MiB
stream swap.jsonl "$before
begin(2,110)
person(1,2,'u','a',2,112,1,1,100)
end(2,200,2)
person(0,1,'u','b',2,113,2,2,100)"
run "a restart within a transaction, which numbers its rest anew" 0 sync --from "$T/swap.jsonl" "$CONFIG"
err_has 'was restarted within transaction 2'
is "the swap is whole" test "$(rows)" = "1|b
2|a"
is "the last commit is kept" test "$(commits)" = 1
config '' 64MiB
stream late.jsonl "$before
begin(2,110)
end(2,200,0)
person(1,2,'u','c',2,112,2,2,100)"
run "END counts nothing of what was sent before it" 0 sync --quiet --from "$T/late.jsonl" "$CONFIG"
is "nor is that torn" test "$(rows)" = "1|-
2|c"

config '' 64MiB
stream broken.jsonl "person(0,1,'c','a',1,11,1,1,None)
put('s.transaction',0,{'id':1},'{\"status\":\"END\",\"id')
end(2,200,0)"
run "an END that is no JSON" 5 sync --quiet --from "$T/broken.jsonl" "$CONFIG"
err_has 's.transaction/0@0.*neither BEGIN nor END.*TRANSACTION_METADATA'
stream foreign.jsonl "person(0,1,'c','a',1,11,1,1,None)
put('s.transaction',0,{'id':1},{'hello':1})
end(2,200,0)"
run "a record of another kind" 5 sync --quiet --from "$T/foreign.jsonl" "$CONFIG"
err_has 's.transaction/0@0.*neither BEGIN nor END.*TRANSACTION_METADATA'

config ', on_position_regress: accept_once' 64MiB
stream back.jsonl "person(0,1,'c','a',1,1000011,1,1,None,1000)
end(1,1000100,1)
person(0,1,'u','c',2,111,1,1,100,99999999)"
run "a source that goes back" 0 sync --quiet --from "$T/back.jsonl" "$CONFIG"
err_has 'POSITION_REGRESS'
is "forgets the last commit that was applied" test "$(commits)" = 0

stream all.jsonl "
for t in range(1, 3001):
    person(0, t, 'c', 'e%d' % t, t, 20 * t, 1, 1, 20 * t - 10)
    end(t, 20 * t + 10, 1)"
grep -v '"s.transaction"' "$T/all.jsonl" >"$T/changes.jsonl"
grep '"s.transaction"' "$T/all.jsonl" | sed -n 1,100p >"$T/first.jsonl"
grep '"s.transaction"' "$T/all.jsonl" | sed -n '101,$p' >"$T/rest.jsonl"
cat "$T/changes.jsonl" >>"$T/first.jsonl"
start_broker --replay "$T/first.jsonl"
broker_fed
config '' 2MiB
start_sync "$CONFIG"
until_is "what has ended is there" 20 people_are 100
sleep 4 # longer than it takes to find a transaction too large
is "many small transactions are no large one" kill -0 "$sync"
run "then their ENDs come" 0 replay --yes "$T/rest.jsonl" -c "$CONFIG"
until_is "all is there" 20 people_are 3000
stop_sync
kill "$broker"

# Refused for good.
config '' 64MiB
stream refused.jsonl "person(0,1,'c','a',1,11,1,1,None)
end(1,100,1)
person(0,2,'c','a',2,111,1,1,100)
end(2,200,1)"
start_broker --replay "$T/refused.jsonl"
broker_fed
sed -i "s/bootstrap.servers: .* }/bootstrap.servers: \"$BROKERS\" }/" "$CONFIG"
start_sync "$CONFIG"
until_is "what stands before it is there" 20 people_are 1
sleep 3
stop_sync
kill "$broker"
is "a refusal is told once" test "$(grep -c 'waits for other rows' "$T/sync")" = 1
is "so is the hold" test "$(grep -c 'holding until it passes' "$T/sync")" = 1

# Order 2 of transaction 1 is not there any more; both partitions go on behind it.
config '' 64MiB
stream compacted.jsonl "end(1,100,2)
end(2,200,2)
person(0,1,'c','a',1,11,1,1,None)
person(0,2,'u','b',2,111,1,1,100)
person(1,3,'u','c',2,112,2,2,100)"
start_broker --replay "$T/compacted.jsonl"
broker_fed
sed -i "s/bootstrap.servers: .* }/bootstrap.servers: \"$BROKERS\" }/" "$CONFIG"
start_sync "$CONFIG"
until_is "what compaction took is not waited for" 20 people_are 3
is "and it is said" grep -q 'transaction 1 of s has 2 changes of public.people, and the topic holds 1' "$T/sync"
stop_sync

finish
