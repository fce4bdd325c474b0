# SPDX-License-Identifier: GPL-3.0-or-later
#
# Where this machine gets Debian's own "main" from, in whatever format its
# sources are written; nothing if its package lists were never fetched. Third-party
# sources have another origin and drop out. Sourced.
debian_mirror() {
    local codename
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    apt-get indextargets --format '$(ORIGIN)|$(CODENAME)|$(COMPONENT)|$(REPO_URI)' \
        'Created-By: Packages' |
        awk -F'|' -v codename="$codename" \
            '$1 == "Debian" && $2 == codename && $3 == "main" { print $4; exit }'
}
