"""ETL Plus: files, APIs and databases into correct PostgreSQL tables."""
