#!/bin/sh
# Do `mlflow models predict`, `serve` and `generate-dockerfile` work where only MLflow is installed,
# and what a model of fullturn declares? By hand: it installs fullturn's wheel in one environment,
# and MLflow in another, from the package index, which takes minutes.
#
#     scripts/complete_model.sh [FOLDER]
set -eu
tree=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-$(mktemp -d)}
uv="$tree/.venv/bin/uv"
mkdir -p "$folder" && cd "$folder"
unset PYTHONPATH
export MLFLOW_DISABLE_TELEMETRY=true

echo "== the wheel, and a model of an own app, trained by it"
(cd "$tree" && .venv/bin/hatchling build -t wheel -d "$folder/wheels" >/dev/null)
"$uv" venv -q --clear training && "$uv" pip install -q --system-certs --python training wheels/*.whl
mkdir -p wine
cp "$tree"/src/fullturn/demo/examples/wine/wine_*.py wine
printf 'name = "wine"\napp = "wine_app:WineApp"\n[data]\nfiles = ["wine.csv"]\n' >wine/fullturn.toml
(cd wine && ../training/bin/python -c 'from pathlib import Path; import wine_data; wine_data.write_csv(Path("wine.csv"))')
(cd wine && ../training/bin/fullturn data commit && ../training/bin/fullturn train)
model=$(find wine/.fullturn/artifacts/models -name MLmodel -printf '%h\n' | head -1)
rm -rf model && cp -r "$model" model
ls model model/code && cat model/requirements.txt

echo "== an environment with MLflow alone, which makes the model's own"
"$uv" venv -q --clear serving && "$uv" pip install -q --system-certs --python serving mlflow uv
! serving/bin/python -c 'import fullturn' 2>/dev/null
PATH="$folder/serving/bin:$PATH" && export PATH
serving/bin/python -c 'import mlflow; print(mlflow.pyfunc.get_model_dependencies("model"))'
echo "== mlflow models predict --env-manager uv"
mlflow models predict -m model -i model/serving_input_example.json -t json --env-manager uv
echo "== mlflow models serve"
mlflow models serve -m model -p 5123 --env-manager uv >serve.log 2>&1 &
server=$!
trap 'kill $server' EXIT
for _ in $(seq 300); do curl -sf http://127.0.0.1:5123/ping >/dev/null && break || sleep 1; done
curl -sf -H 'Content-Type: application/json' -d @model/serving_input_example.json \
	http://127.0.0.1:5123/invocations && echo
echo "== mlflow models generate-dockerfile"
mlflow models generate-dockerfile -m model -d docker && cat docker/Dockerfile
echo "== pip install -r requirements.txt beside MLflow, --env-manager local"
"$uv" pip install -q --system-certs --python serving -r model/requirements.txt
mlflow models predict -m model -i model/serving_input_example.json -t json --env-manager local
echo "complete"
