#!/bin/sh
# Leaves state and user: what was not delivered yet is in /var/lib/quell. A purge of
# the Debian package takes the state away.
set -e
if [ "$1" = purge ]; then rm -rf /var/lib/quell; fi
if [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi
