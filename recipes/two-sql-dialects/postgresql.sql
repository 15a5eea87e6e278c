-- The tables of the tasks with a few rows, for PostgreSQL; sqlite.sql has the same for SQLite.
CREATE TABLE customers (
    id integer PRIMARY KEY,
    name text NOT NULL,
    email text,
    city text,
    signed_up date,
    is_active boolean NOT NULL DEFAULT true,
    preferences jsonb NOT NULL DEFAULT '{}'
);
CREATE TABLE products (id integer PRIMARY KEY, name text NOT NULL, category text NOT NULL, price numeric NOT NULL, stock integer);
CREATE TABLE orders (
    id integer PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customers (id),
    ordered_at timestamp NOT NULL,
    status text NOT NULL
);
CREATE TABLE order_items (
    order_id integer NOT NULL REFERENCES orders (id),
    product_id integer NOT NULL REFERENCES products (id),
    quantity integer NOT NULL,
    unit_price numeric NOT NULL
);
CREATE TABLE employees (
    id integer PRIMARY KEY,
    name text NOT NULL,
    manager_id integer REFERENCES employees (id),
    department text NOT NULL,
    salary integer NOT NULL,
    hired date NOT NULL
);
CREATE TABLE events (
    id integer PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customers (id),
    kind text NOT NULL,
    happened_at timestamp NOT NULL,
    payload jsonb NOT NULL DEFAULT '{}'
);

INSERT INTO customers VALUES
    (1, 'Ada', 'ada@example.org', 'Oslo', '2024-03-02', true, '{"language": "en", "newsletter": true}'),
    (2, 'Bela', 'BELA@EXAMPLE.ORG', 'Rome', '2024-03-20', true, '{"language": "it", "newsletter": false}'),
    (3, 'Chidi', 'chidi@example.com', NULL, '2024-04-11', false, '{"language": "en", "newsletter": true}'),
    (4, 'Dana', 'dana@example.net', 'Oslo', '2023-12-31', true, '{"language": "he", "newsletter": false}'),
    (5, 'Eva', 'eva@example.com', NULL, '2024-02-29', false, '{"language": "de", "newsletter": false}');
INSERT INTO products VALUES
    (1, 'Lamp', 'home', 24.5, 12),
    (2, 'Desk', 'home', 180.0, 3),
    (3, 'Pen', 'office', 1.25, 400),
    (4, 'Paper A4', 'office', 4.75, 80),
    (5, 'Kettle 2', 'kitchen', 39.9, 7),
    (6, 'Cup', 'kitchen', 6.0, 55);
INSERT INTO orders VALUES
    (1, 1, '2024-05-04 09:15:00', 'shipped'),
    (2, 2, '2024-05-12 18:40:00', 'cancelled'),
    (3, 1, '2024-05-31 23:59:00', 'open'),
    (4, 4, '2024-02-28 07:05:00', 'shipped'),
    (5, 3, '2024-03-15 12:00:00', 'shipped');
INSERT INTO order_items VALUES
    (1, 1, 2, 24.5), (1, 3, 10, 1.25), (2, 2, 1, 180.0), (3, 6, 4, 6.0), (4, 4, 3, 4.75), (5, 5, 1, 39.9);
INSERT INTO employees VALUES
    (1, 'Iris', NULL, 'board', 9000, '2015-01-01'),
    (2, 'Jon', 1, 'sales', 5000, '2018-06-15'),
    (3, 'Kim', 2, 'sales', 4200, '2020-09-01'),
    (4, 'Lea', 2, 'sales', 3900, '2021-02-01'),
    (5, 'Max', 1, 'support', 4100, '2019-11-20'),
    (6, 'Nia', 5, 'support', 3600, '2022-07-04');
INSERT INTO events VALUES
    (1, 1, 'view', '2024-05-04 09:10:00', '{"items": ["Lamp", "Pen"]}'),
    (2, 1, 'buy', '2024-05-04 09:15:00', '{"items": ["Lamp"]}'),
    (3, 2, 'view', '2024-05-12 18:30:00', '{"items": ["Desk"]}'),
    (4, 1, 'view', '2024-05-31 23:50:00', '{"items": []}');
