# An external_acl program without channels: tunnels are for nobody.
while read -r client user method rest; do
  case "$method" in
    CONNECT) echo 'ERR message=no%20tunnels' ;;
    *) echo OK ;;
  esac
done
