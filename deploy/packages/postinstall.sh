#!/bin/sh
# Has systemd know the unit. It is not enabled: the configuration is the admin's to write.
set -e
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    # After an upgrade what runs goes on with the new version; nothing acknowledged is lost.
    systemctl try-restart quell.service || true
fi
