# A redirect program without channels, as they were written before Squid had any: blocked.test is redirected, old.test is
# rewritten, all else is answered with an empty line.
while read -r url client user method rest; do
  case "$url" in
    *://blocked.test/* | blocked.test:*) echo "302:http://block.test/?client=${client%%/*}&user=$user" ;;
    *://old.test:*) echo "$url" | sed 's,old.test,new.test,' ;;
    *) echo "" ;;
  esac
done
