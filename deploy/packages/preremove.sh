#!/bin/sh
# Stops the service where the package goes, and not where it is upgraded.
set -e
case "$1" in
    upgrade|1) ;;
    *) if [ -d /run/systemd/system ]; then systemctl disable --now quell.service || true; fi ;;
esac
