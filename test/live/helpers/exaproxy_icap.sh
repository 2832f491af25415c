# A redirector for `redirector.protocol = icap://...` that reads two empty lines, as the simplest ones did: it refuses tunnels.
method=
empty=0
while read -r line; do
  line=$(printf '%s' "$line" | tr -d '\r')
  case "$line" in
    'Pragma: method='*) method=${line#*method=} ;;
    '') empty=$((empty + 1)) ;;
  esac
  if [ "$empty" = 2 ]; then
    empty=0
    if [ "$method" = CONNECT ]; then printf 'ICAP/1.0 403 no\n\n'; else printf 'ICAP/1.0 304 OK\n\n'; fi
  fi
done
