# A url_rewrite program with channels: hosts that are its arguments are redirected, as a blocking one would.
use strict;
use warnings;

$| = 1;
my %blocked = map { $_ => 1 } @ARGV;

while (my $line = <STDIN>) {
    chomp $line;
    my ($channel, $url, $client, $user, $method) = split / /, $line;
    my ($host) = $url =~ m{^(?:[a-z]+://)?(\[[^\]]*\]|[^/:]*)};
    if ($blocked{$host}) {
        my ($ip) = split m{/}, $client;
        print qq($channel OK status=302 url="http://block.test/?client=$ip&method=$method&url=$url"\n);
    } else {
        print "$channel ERR\n";
    }
}
