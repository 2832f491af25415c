# An external_acl program without channels, asked with its own format: /secret/ is for nobody.
use strict;
use warnings;

$| = 1;
while (<STDIN>) {
    my ($client, $user, $method, $url) = split ' ';
    print $url =~ m{/secret/} ? qq(ERR message="that is secret"\n) : "OK\n";
}
