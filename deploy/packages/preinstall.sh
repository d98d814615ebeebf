#!/bin/sh
# Makes the user before files are given to its group.
set -e
getent group quell >/dev/null || groupadd --system quell
getent passwd quell >/dev/null || useradd --system --gid quell --home-dir /var/lib/quell --no-create-home --shell /usr/sbin/nologin quell
