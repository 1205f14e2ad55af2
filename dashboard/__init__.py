"""Pages and downloads; the only package that knows Flask."""
