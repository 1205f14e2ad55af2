"""Commands, one file and one line each; resolved when called, so that each starts fast."""

COMMANDS = {
    "init": "jobs.commands.init:init",
    "scan": "jobs.commands.scan:scan",
    "work": "jobs.commands.work:work",
    "verify": "jobs.commands.verify:verify_command",
    "sources": "jobs.commands.sources:sources",
    "trust": "jobs.commands.trust:trust",
    "db": "jobs.commands.db:db",
}
