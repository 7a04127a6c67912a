-- A small shop, the source of the playground (docs/stack.md).
create table customers (
    id bigint generated always as identity primary key,
    name text not null,
    email text,
    address jsonb,
    created_at timestamptz not null default now()
);
create table products (
    sku text primary key,
    title text not null,
    price numeric(10, 2) not null,
    description text,
    tags text[] not null default '{}'
);
create table orders (
    id bigint generated always as identity primary key,
    customer_id bigint not null references customers,
    state text not null default 'open',
    total numeric(12, 2) not null default 0,
    placed_at timestamp not null default now()
);
create table order_lines (
    order_id bigint not null references orders on delete cascade,
    line_no int not null,
    sku text not null,
    quantity int not null,
    price numeric(10, 2) not null,
    primary key (order_id, line_no)
);
-- What Debezium is told by: insert into debezium_signal values ('1', 'execute-snapshot', '{"data-collections": ["public.orders"]}')
create table debezium_signal (id text primary key, type text not null, data text);

-- Long texts are kept apart from their row (TOAST) and are not sent again with a change of another column.
alter table products alter description set storage external;

insert into customers (name, email, address)
select 'customer ' || n, 'c' || n || '@example.org', jsonb_build_object('city', 'City ' || n % 17, 'zip', 10000 + n)
from generate_series(1, 500) n;
insert into products (sku, title, price, description, tags)
select 'sku-' || n, 'Product ' || n, (n * 7 % 1000)::numeric / 10, repeat('All there is to say about it. ', 200),
       array['tag-' || n % 5, 'tag-' || n % 7]
from generate_series(1, 200) n;
insert into orders (customer_id, state, placed_at)
select 1 + n % 500, (array['open', 'paid', 'sent'])[1 + n % 3], timestamp '2026-11-01' + n * interval '7 minutes'
from generate_series(1, 2000) n;
insert into order_lines
select o.id, n, 'sku-' || 1 + (o.id * n) % 200, 1 + n, 9.95 from orders o, generate_series(1, 3) n;
update orders o set total = (select sum(quantity * price) from order_lines l where l.order_id = o.id);
