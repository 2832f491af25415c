# A redirector for `redirector.protocol = url`: one engine is another, and its tunnels lead to its safe self.
while read -r url client ident method rest; do
  case "$method $url" in
    'CONNECT www.engine.test/') echo 'intercept://safe.engine.test' ;;
    *' www.engine.test/'*) echo 'redirect://http://other.test' ;;
    *) echo '' ;;
  esac
done
