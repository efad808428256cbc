"""How we talk to people: flags, one-line errors, the log's lines, tables, languages."""
