-- Every type, and a table for each thing that a change can be: what check-encodings compares and `make stack-capture` records.
create extension hstore;
create extension citext;
create extension ltree;
create schema inventory;
create type mood as enum ('sad', 'ok', 'happy');

create table users (
    id bigint primary key, email text not null, name text, balance numeric(12, 2), created_at timestamptz default now(),
    tags text[], profile jsonb, bio text
);
create table orders (
    id bigserial primary key, user_id bigint not null, total numeric(12, 2) not null, status text not null default 'placed',
    placed_at timestamp, updated_at timestamptz
);
alter table orders replica identity full;
create table line_items (order_id bigint, line_no int, sku text, qty int, primary key (order_id, line_no));
create table no_key (a int, b text);
alter table no_key replica identity full;
create table outbox (
    id uuid primary key, aggregatetype varchar(255) not null, aggregateid varchar(255) not null, type varchar(255) not null,
    payload jsonb, tracingspancontext text
);
create table inventory.every_type (
    id int primary key, c_bool boolean, c_i2 smallint, c_i4 integer, c_i8 bigint, c_f4 real, c_f8 double precision,
    c_num numeric(20, 6), c_num_free numeric, c_money money, c_char char(6), c_varchar varchar(20), c_text text, c_citext citext,
    c_bytea bytea, c_date date, c_time time(6), c_time3 time(3), c_timetz timetz, c_ts timestamp(6), c_ts3 timestamp(3),
    c_tstz timestamptz, c_interval interval, c_uuid uuid, c_json json, c_jsonb jsonb, c_xml xml, c_bit1 bit(1), c_bit bit(9),
    c_varbit bit varying(12), c_inet inet, c_cidr cidr, c_macaddr macaddr, c_enum mood, c_int4range int4range,
    c_tstzrange tstzrange, c_point point, c_hstore hstore, c_ltree ltree, c_int_arr int[], c_text_arr text[],
    c_num_arr numeric(8, 2)[], c_ts_arr timestamp[], c_uuid_arr uuid[], c_enum_arr mood[], c_oid oid
);
create table debezium_signal (id text primary key, type text not null, data text);
-- The last thing to change: what came before it is in the stream.
create table marker (id int primary key, token text not null);

-- The bios are too long for their row even when they are compressed: updates of other columns leave them out (TOAST).
insert into users (id, email, name, balance, tags, profile, bio)
select g, 'u' || g || '@example.org', 'User ' || g, g * 10.25, array['a', 'ü'], jsonb_build_object('k', g),
       (select string_agg(md5(g::text || i::text), '') from generate_series(1, 300) i)
from generate_series(1, 5) g;
insert into users (id, email) values (6, 'nulls@example.org');
insert into orders (user_id, total, placed_at, updated_at) values
    (1, 19.99, '2026-11-22 10:00:00.123456', '2026-11-22 10:00:00.123456+02'), (2, 0.01, null, null);
insert into inventory.every_type values (
    1, true, -32768, 2147483647, 9223372036854775807, 1.5, -0.1, 12345678901234.567891,
    3.14159265358979323846264338327950288, -12.34, 'abc', 'varchar', 'text — ünï', 'CiText', '\x00ff10', '2026-02-28',
    '23:59:59.999999', '10:11:12.131', '10:11:12.5+02', '2026-11-22 10:00:00.123456', '2026-11-22 10:00:00.123',
    '2026-11-22 10:00:00.123456+05:30', '1 year 2 mons 3 days 04:05:06.789', '6ecd8c99-4036-403d-bf84-cf8400f67836',
    '{"a": [1,2.50]}', '{"b":null}', '<a>x</a>', b'1', b'101010101', b'1100', '10.1.2.3/24', '10.0.0.0/8', '08:00:2b:01:02:03',
    'happy', '[1,10)', '[2026-01-01 00:00:00+00,2026-02-01 00:00:00+00)', '(1.5,-2)', 'a=>1,b=>NULL', 'Top.Science',
    array[1, null, 3], array['x', null, '"q"'], array[1.25, 2.50], array[timestamp '2026-01-01'],
    array['6ecd8c99-4036-403d-bf84-cf8400f67836'::uuid], array['sad'::mood, 'ok'], 4294967295);
insert into inventory.every_type (id) values (2);
insert into inventory.every_type (id, c_f4, c_f8, c_num, c_num_free, c_date, c_ts, c_tstz, c_interval, c_time, c_text) values
    (3, 'NaN', 'Infinity', 0, 'NaN', 'infinity', 'infinity', '-infinity', '-1 day -2 hours', '00:00:00', '');
insert into inventory.every_type (id, c_f8, c_date, c_ts, c_num_free, c_i8) values
    (4, '-Infinity', '0044-03-15 BC', '1583-10-15', -123456789012345678901234567890.000000001, -9223372036854775808);
insert into line_items values (1, 1, 'sku-1', 2), (1, 2, 'sku-2', 1);
insert into no_key values (1, 'x');
insert into marker values (1, 'start');
