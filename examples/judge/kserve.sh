#!/bin/sh
# Set the weight of an InferenceService's canary by the verdict on its outcomes:
#   sh kserve.sh NAME OUTCOMES [STATE]
# Promoted: all requests go to the new model. Rolled back: none. Undecided, or nothing to judge: the
# weight stays. Run it from a CronJob; with STATE, each row is judged once.
set -u
name=$1 outcomes=$2
fullturn judge "$outcomes" --key user ${3:+--state "$3"}
verdict=$?
case $verdict in
  0) weight=null ;; # KServe promotes the newest revision when the field is removed
  1) weight=0 ;;
  *) exit $verdict ;;
esac
kubectl patch inferenceservice "$name" --type merge \
  --patch "{\"spec\": {\"predictor\": {\"canaryTrafficPercent\": $weight}}}"
