#!/bin/sh
# Has systemd know the unit. It is not enabled: the configuration is the admin's to write.
set -e
# At the first installation: where a package is put into an image from outside, the
# group that it names is not known there yet.
if [ "$1" = configure ] && [ -z "$2" ] || [ "$1" = 1 ]; then
    chgrp quell /etc/quell /etc/quell/quell.yaml
fi
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    # After an upgrade what runs goes on with the new version; nothing acknowledged is lost.
    systemctl try-restart quell.service || true
fi
