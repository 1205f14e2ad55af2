"""CMS (RFC 5652), and the timestamps of RFC 3161, which are CMS themselves."""
