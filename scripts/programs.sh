#!/usr/bin/env bash
# Get programs that the tests use and pip cannot install: programs.sh chromium curl npm postgresql promtool
# Only what is missing, from Debian's packages, and only as root; otherwise do nothing: the tests
# say at their end what they skipped, and CI fails.
set -euo pipefail

missing=()
for name in "$@"; do
    case $name in
        postgresql) compgen -G '/usr/lib/postgresql/*/bin/pg_ctl' || command -v pg_ctl || missing+=(postgresql) ;;
        chromium) command -v chromium || command -v chromium-browser || missing+=(chromium) ;;
        npm) command -v npm || missing+=(nodejs npm) ;;
        *) command -v "$name" || missing+=("$name") ;;
    esac >/dev/null
done
if [ ${#missing[@]} -eq 0 ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    exit 0
fi
echo "installing ${missing[*]} for the tests"
apt-get update -q >/dev/null
if [[ " ${missing[*]} " == *" promtool "* ]]; then  # of its package, without the server
    folder=$(mktemp -d)
    (cd "$folder" && apt-get download -q prometheus && dpkg-deb -x prometheus_*.deb .) >/dev/null
    install "$folder/usr/bin/promtool" /usr/local/bin/promtool
    rm -r "$folder"
    missing=("${missing[@]/promtool/}")
fi
read -ra missing <<<"${missing[*]}"
if [ ${#missing[@]} -gt 0 ]; then
    apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
fi
