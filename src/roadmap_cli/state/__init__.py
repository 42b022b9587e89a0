"""The shared state: one encrypted SQLite file, its keys, its schema and the records kept in it. Imports core only."""
