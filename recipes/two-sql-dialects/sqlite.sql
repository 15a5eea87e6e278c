-- The tables of the tasks with a few rows, for SQLite; postgresql.sql has the same for PostgreSQL.
CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT,
    city TEXT,
    signed_up TEXT,
    is_active INTEGER NOT NULL DEFAULT 1,
    preferences TEXT NOT NULL DEFAULT '{}'
);
CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT NOT NULL, category TEXT NOT NULL, price REAL NOT NULL, stock INTEGER);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    ordered_at TEXT NOT NULL,
    status TEXT NOT NULL
);
CREATE TABLE order_items (
    order_id INTEGER NOT NULL REFERENCES orders (id),
    product_id INTEGER NOT NULL REFERENCES products (id),
    quantity INTEGER NOT NULL,
    unit_price REAL NOT NULL
);
CREATE TABLE employees (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    manager_id INTEGER REFERENCES employees (id),
    department TEXT NOT NULL,
    salary INTEGER NOT NULL,
    hired TEXT NOT NULL
);
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    kind TEXT NOT NULL,
    happened_at TEXT NOT NULL,
    payload TEXT NOT NULL DEFAULT '{}'
);

INSERT INTO customers VALUES
    (1, 'Ada', 'ada@example.org', 'Oslo', '2024-03-02', 1, '{"language": "en", "newsletter": true}'),
    (2, 'Bela', 'BELA@EXAMPLE.ORG', 'Rome', '2024-03-20', 1, '{"language": "it", "newsletter": false}'),
    (3, 'Chidi', 'chidi@example.com', NULL, '2024-04-11', 0, '{"language": "en", "newsletter": true}'),
    (4, 'Dana', 'dana@example.net', 'Oslo', '2023-12-31', 1, '{"language": "he", "newsletter": false}'),
    (5, 'Eva', 'eva@example.com', NULL, '2024-02-29', 0, '{"language": "de", "newsletter": false}');
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
