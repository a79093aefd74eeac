#!/usr/bin/env bash
# One MLflow server for a team, on this machine: PostgreSQL, object storage, logins.
#
#   scripts/team_server.sh start        # set up what is missing, start what is not running
#   scripts/team_server.sh user ada     # create a login; the password is saved in team/secrets/ada
#   scripts/team_server.sh stop
#
# All files are in the folder $TEAM (default: team). The server listens on 127.0.0.1 only;
# docs/lesson/team.md describes what access from other machines requires. Requires PostgreSQL's
# programs; when run as root, they run as the user postgres. The object storage is moto, a mock that
# loses everything when it stops: set S3_ENDPOINT, with its keys in AWS_*, to use a real one.
#
# To update the lock file: printf 'mlflow[auth]==3.17.2\npsycopg[binary]\nboto3\nmoto[server,s3]\n' | uv pip
# compile - --generate-hashes --universal --python-version 3.11 --no-header --no-annotate -o …
set -euo pipefail

HERE=$(cd "$(dirname "$0")" && pwd)
TEAM=$(mkdir -p "${TEAM:-team}" && cd "${TEAM:-team}" && pwd)
DB_PORT=${DB_PORT:-5433} S3_PORT=${S3_PORT:-5500} PORT=${PORT:-5510} BUCKET=${BUCKET:-mlflow}
BIN=$TEAM/venv/bin
PATH=$PATH:$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1)
export AWS_ACCESS_KEY_ID=${AWS_ACCESS_KEY_ID:-team} AWS_SECRET_ACCESS_KEY=${AWS_SECRET_ACCESS_KEY:-team}
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false MLFLOW_DISABLE_TELEMETRY=true
export AWS_DEFAULT_REGION=${AWS_DEFAULT_REGION:-us-east-1}
export MLFLOW_S3_ENDPOINT_URL=${S3_ENDPOINT:-http://127.0.0.1:$S3_PORT} NO_PROXY=127.0.0.1

as_postgres() { if [ "$(id -u)" = 0 ]; then (cd / && runuser -u postgres -- env PATH="$PATH" "$@"); else "$@"; fi; }
secret() { # print the secret NAME; create it if missing
	[ -s "$TEAM/secrets/$1" ] || (umask 077 && mkdir -p "$TEAM/secrets" &&
		head -c 18 /dev/urandom | base64 | tr '+/' '-_' >"$TEAM/secrets/$1")
	cat "$TEAM/secrets/$1"
}
background() { # NAME COMMAND…: run it in the background unless it is already running
	local name=$1 && shift
	if [ -s "$TEAM/$name.pid" ] && kill -0 "$(cat "$TEAM/$name.pid")" 2>/dev/null; then return; fi
	(cd "$TEAM"; setsid "$@" >>"$TEAM/$name.log" 2>&1 & echo $! >"$TEAM/$name.pid")
}
answers() { # URL: wait until it responds
	for _ in $(seq 240); do curl -sf -o /dev/null "$1" && return; sleep 1; done
	echo "$1 does not respond; see the logs in $TEAM" >&2
	exit 1
}

install() {
	[ -x "$BIN/mlflow" ] && return
	python3 -m venv "$TEAM/venv"
	"$BIN/pip" install --quiet --require-hashes --no-deps -r "$HERE/team_server.txt"
}

database() {
	local folder=$TEAM/postgres
	if [ ! -d "$folder/data" ]; then
		mkdir -p "$folder" && secret database >/dev/null && cp "$TEAM/secrets/database" "$folder/pw"
		[ "$(id -u)" != 0 ] || chown -R postgres "$folder"
		as_postgres initdb -D "$folder/data" -U mlflow --pwfile="$folder/pw" \
			--auth=scram-sha-256 --encoding=UTF8 >"$TEAM/initdb.log"
		rm "$folder/pw"
	fi
	as_postgres pg_ctl -D "$folder/data" status >/dev/null 2>&1 || as_postgres pg_ctl -w -D "$folder/data" \
		-l "$folder/log" -o "-p $DB_PORT -c listen_addresses=127.0.0.1 -k $folder" start >/dev/null
	export PGPASSWORD && PGPASSWORD=$(secret database)
	for name in mlflow mlflow_auth; do
		psql -h 127.0.0.1 -p "$DB_PORT" -U mlflow -d postgres -tc "select 1 from pg_database where datname = '$name'" |
			grep -q 1 || createdb -h 127.0.0.1 -p "$DB_PORT" -U mlflow "$name"
	done
}

storage() {
	[ -n "${S3_ENDPOINT:-}" ] || background storage "$BIN/moto_server" -H 127.0.0.1 -p "$S3_PORT"
	[ -n "${S3_ENDPOINT:-}" ] || answers "$MLFLOW_S3_ENDPOINT_URL/"
	"$BIN/python" - "$BUCKET" <<-'PYTHON'
		import os, sys
		import boto3
		storage, bucket = boto3.client("s3", endpoint_url=os.environ["MLFLOW_S3_ENDPOINT_URL"]), sys.argv[1]
		if bucket not in [one["Name"] for one in storage.list_buckets()["Buckets"]]:
		    storage.create_bucket(Bucket=bucket)
	PYTHON
}

server() {
	local database=postgresql://mlflow:$(secret database)@127.0.0.1:$DB_PORT
	(umask 077 && printf '[mlflow]\ndefault_permission = EDIT\ndatabase_uri = %s\nadmin_username = admin\nauthorization_function = mlflow.server.auth:authenticate_request_basic_auth\nauth_cache_ttl_seconds = 60\n' \
		"$database/mlflow_auth" >"$TEAM/auth.ini")
	export MLFLOW_AUTH_CONFIG_PATH=$TEAM/auth.ini MLFLOW_AUTH_ADMIN_PASSWORD MLFLOW_FLASK_SERVER_SECRET_KEY
	MLFLOW_AUTH_ADMIN_PASSWORD=$(secret admin) MLFLOW_FLASK_SERVER_SECRET_KEY=$(secret flask)
	export MLFLOW_BACKEND_STORE_URI=$database/mlflow # not as an argument: others may list processes
	background mlflow "$BIN/mlflow" server --app-name basic-auth --host 127.0.0.1 --port "$PORT" \
		--workers 2 --serve-artifacts --artifacts-destination "s3://$BUCKET"
	answers "http://127.0.0.1:$PORT/health"
}

user() {
	local body && body=$(printf '{"username": "%s", "password": "%s"}' "$1" "$(secret "$1")")
	curl -sf --config <(printf 'user = "admin:%s"' "$(secret admin)") -H 'Content-Type: application/json' \
		--data @- "http://127.0.0.1:$PORT/api/2.0/mlflow/users/create" <<<"$body" >/dev/null
	echo "$1 may log in; the password is in $TEAM/secrets/$1"
}

stop() {
	for name in mlflow storage; do
		[ ! -s "$TEAM/$name.pid" ] || kill -- "-$(cat "$TEAM/$name.pid")" 2>/dev/null || true
		for _ in $(seq 30); do kill -0 "$(cat "$TEAM/$name.pid" 2>/dev/null)" 2>/dev/null || break; sleep 1; done
		rm -f "$TEAM/$name.pid"
	done
	as_postgres pg_ctl -D "$TEAM/postgres/data" -m fast stop
}

case ${1:-} in
start)
	install && database && storage && server
	echo "http://127.0.0.1:$PORT"
	;;
user) user "$2" ;;
stop) stop ;;
*) sed -n '2,7p' "$0" && exit 2 ;;
esac
