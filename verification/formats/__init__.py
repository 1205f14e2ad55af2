"""One file per family of signature formats; the table is `verification.FORMATS`."""
