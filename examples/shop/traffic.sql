-- Something to look at: each round a few orders are placed, paid, changed, split and cancelled; \watch repeats it.
with placed as (
    insert into orders (customer_id) select 1 + (random() * 499)::int from generate_series(1, 5) returning id
), lines as (
    insert into order_lines
    select id, n, 'sku-' || 1 + (random() * 199)::int, 1 + (random() * 4)::int, 9.95 from placed, generate_series(1, 3) n
    returning order_id
), sent as (
    update orders set state = case state when 'open' then 'paid' else 'sent' end
    where id in (select id from orders where state <> 'sent' order by random() limit 5) returning id
), cancelled as (
    delete from orders where id in (select id from orders where state = 'open' order by random() limit 1) returning id
), repriced as (
    update products set price = price + 0.10 where sku = 'sku-' || 1 + (random() * 199)::int returning sku
)
select (select count(*) from placed) placed, (select count(*) from lines) lines, (select count(*) from sent) moved_on,
       (select count(*) from cancelled) cancelled, (select count(*) from repriced) repriced \watch 0.5
