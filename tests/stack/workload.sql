-- The source of the storms: a table for each thing that can go wrong. `external` keeps long values apart from their row (TOAST),
-- so that an update of another column sends a placeholder for them.
create table accounts (
    id int primary key, owner text not null, balance numeric(12, 2) not null default 0, note text,
    active boolean not null default true, updated_at timestamptz not null default clock_timestamp()
);
alter table accounts alter note set storage external;

create table entries (
    account_id bigint not null, seq int not null, amount numeric(12, 2) not null, memo text, at timestamp,
    primary key (account_id, seq)
);

create table labels (name text primary key, big text, n int not null default 0, doc jsonb, parts text[], raw bytea);
alter table labels alter big set storage external, alter doc set storage external, alter parts set storage external,
    alter raw set storage external;

-- Ten keys that everybody fights over.
create table hot (id int primary key, n bigint not null default 0, big text, small text);
alter table hot alter big set storage external;

-- Whole rows in every record.
create table full_rows (id int primary key, n int not null default 0, big text);
alter table full_rows alter big set storage external, replica identity full;

-- Truncated now and then; no snapshot but the first reads it.
create table journal (id bigint primary key, body text, n int not null default 0);
alter table journal alter body set storage external;

-- Its columns come and go; no snapshot but the first reads it.
create table wide (id int primary key, n int not null default 0, big text);
alter table wide alter big set storage external;

-- The last thing to change: what came before it is in the stream.
create table marker (id int primary key, token text not null);

create table debezium_signal (id text primary key, type text not null, data text);

insert into accounts select n, 'owner ' || n, n, repeat(md5(n::text), 90) from generate_series(1, 200) n;
insert into entries select n % 40, n, n, 'memo', timestamp '2026-01-01' + n * interval '1.000001 s' from generate_series(1, 300) n;
insert into labels select 'label ' || n, repeat(md5(n::text), 90), n, jsonb_build_object('n', n, 'long', repeat(md5(n::text), 90)),
    array[repeat(md5(n::text), 90), 'short'], decode(repeat(md5(n::text), 90), 'hex') from generate_series(1, 60) n;
insert into hot select n, 0, repeat(md5(n::text), 90), 'x' from generate_series(1, 10) n;
insert into full_rows select n, 0, repeat(md5(n::text), 90) from generate_series(1, 60) n;
insert into journal select n, repeat(md5(n::text), 90) from generate_series(1, 60) n;
insert into wide select n, 0, repeat(md5(n::text), 90) from generate_series(1, 60) n;
insert into marker values (1, 'start');
