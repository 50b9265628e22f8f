#!/bin/sh
# Makes the secrets by which KEDA and Headstart's scaler know each other, for a year:
#   sh deploy/keda/certificates.sh NAMESPACE...     the namespaces of the ScaledObjects
# The authority's key is not kept, so that another run makes all of them anew. Where cert-manager
# runs, let it issue the same: a server certificate for the host of scalerAddress, and a client's.
set -eu
[ $# -gt 0 ] || { echo "usage: $0 NAMESPACE..." >&2; exit 2; }
system=headstart-system
host=headstart-scaler.$system.svc
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj "/CN=headstart-scaler" \
  -keyout ca.key -out ca.crt 2>/dev/null

issue() {  # NAME EXTENSIONS
  mkdir "$1"
  openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$1/tls.key" -out "$1.csr" 2>/dev/null
  printf '%s\n' "$2" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 \
    -extfile "$1.ext" -out "$1/tls.crt" 2>/dev/null
  cp ca.crt "$1/"
}

secret() {  # NAMESPACE NAME FOLDER
  kubectl create secret generic "$2" --namespace "$1" --from-file "$3" \
    --dry-run=client --output yaml | kubectl apply --server-side --filename -
}

issue scaler "subjectAltName=DNS:$host,DNS:$host.cluster.local
extendedKeyUsage=serverAuth"
issue keda "extendedKeyUsage=clientAuth"
secret "$system" headstart-scaler-tls scaler
for namespace in "$@"; do
  secret "$namespace" headstart-scaler-client keda
done
