# A redirector for `redirector.protocol = icap://...`, its lines ended by LF: hosts that are its arguments are refused.
use strict;
use warnings;

$| = 1;
my %blocked = map { $_ => 1 } @ARGV;

while (defined(my $line = <STDIN>)) {
    my ($host, $size) = ('', 0);
    while ($line =~ /\S/) {
        $host = $1 if $line =~ /^Pragma: host=(.*)$/;
        $size = $1 if $line =~ /null-body=([0-9]+)/;
        $line = <STDIN>;
    }
    read STDIN, my $head, $size;
    if ($blocked{$host}) {
        my $page = "HTTP/1.1 403 Forbidden\nContent-Type: text/plain\n\nperl says no\n";
        print "ICAP/1.0 200 OK\nEncapsulated: res-hdr=0, null-body=" . length($page) . "\n\n$page";
    } else {
        print "ICAP/1.0 204 OK\n\n";
    }
}
