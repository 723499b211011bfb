"""From events to rows: feeds, folding, generations, rebuilds, reads."""
