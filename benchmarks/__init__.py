"""Speed, measured by hand: `make bench` runs every script here."""
