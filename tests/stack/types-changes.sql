-- What happens to the tables of types.sql while Debezium streams: each statement is a case of its own.
insert into users (id, email, name, balance, tags, profile, bio)
values (100, 'new@example.org', 'New', 1.00, '{}', '{}', (select string_agg(md5(i::text), '') from generate_series(1, 300) i));
update users set balance = 2.50 where id = 100; -- its bio is left out
update users set id = 101 where id = 100; -- and left out again, though the key moves
update orders set status = 'paid', updated_at = '2026-11-22 11:00:00+00' where id = 1; -- the whole row before it is sent, too
delete from orders where id = 2;
begin;
insert into orders (user_id, total) values (3, 5.00);
insert into line_items values (3, 1, 'sku-9', 1), (3, 2, 'sku-8', 4);
update users set balance = balance - 5 where id = 3;
commit;
begin;
update users set name = 'rolled back' where id = 1;
rollback;
update line_items set line_no = 7 where order_id = 1 and line_no = 2; -- one column of the key moves
update no_key set b = 'y';
delete from no_key;
update inventory.every_type set c_text = 'changed', c_num = -0.000001 where id = 1;
-- The same values by the stream, where Debezium writes some of them otherwise than in a snapshot.
insert into inventory.every_type (id, c_f8, c_date, c_ts, c_num_free, c_i8) values
    (5, '-Infinity', '0044-03-15 BC', '1583-10-15', -123456789012345678901234567890.000000001, -9223372036854775808);
insert into inventory.every_type (id, c_f4, c_f8, c_num, c_num_free, c_date, c_ts, c_tstz, c_interval, c_time, c_text) values
    (6, '-0', 1e23, 0.5, 1.50, '-infinity', '-infinity', 'infinity', '36 hours', '24:00:00', E'\t"\\\u0001');
insert into inventory.every_type (id, c_bytea, c_bit, c_hstore, c_json, c_money) values
    (7, '', b'000000001', '"a b"=>"", c=>"\"q\""', ' [ ] ', 1234.5);
alter table users add column phone text;
alter table users alter column name type varchar(200);
update users set phone = '+1' where id = 1;
alter table users drop column tags;
insert into users (id, email, phone) values (102, 'after-ddl@example.org', '+2');
update users set phone = '+3'; -- a dropped column goes from a row with the row's next change
select pg_logical_emit_message(true, 'audit', '{"who": "ops"}');
select pg_logical_emit_message(false, 'note', 'outside of any transaction');
insert into outbox values ('7f0d6f0e-0000-4000-8000-000000000001', 'order', '1', 'OrderPlaced', '{"orderId": 1, "amount": 19.99}', null);
delete from outbox;
delete from users where id = 5;
insert into users (id, email, name) values (5, 'again@example.org', 'Reborn');
truncate line_items;
insert into line_items values (4, 1, 'sku-4', 1);
insert into debezium_signal values ('every-user', 'execute-snapshot', '{"data-collections": ["public.users"], "type": "incremental"}');
