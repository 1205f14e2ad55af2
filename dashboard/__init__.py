"""The pages. A page is one file, one template and one line here, in the navigation bar's order.

Entries are resolved on first use; each is a `dashboard.page.Page`, described in docs/pages.md.
"""

PAGES = (
    "dashboard.coverage:PAGE",
    "dashboard.failures:PAGE",
    "dashboard.artifacts:PAGE",
    "dashboard.artifact:PAGE",
    "dashboard.findings:PAGE",
    "dashboard.verifications:PAGE",
    "dashboard.signers:PAGE",
    "dashboard.sources:PAGE",
    "dashboard.trust:PAGE",
    "dashboard.changes:PAGE",
    "dashboard.exclusions:PAGE",
    "dashboard.reasons:PAGE",
    "dashboard.search:PAGE",
)
