"""What every adapter that speaks PostgreSQL shares: connections, identifiers, named statements, migrations."""
