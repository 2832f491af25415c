# A redirector for `redirector.protocol = url`, its lines ended by CR LF: what is not below .test is shown the page.
use strict;
use warnings;

$| = 1;
while (<STDIN>) {
    my ($url) = split / /;
    my ($host) = split m{/}, $url;
    print $host =~ /\.test$/ || $host eq '127.0.0.1' ? "\r\n" : "file://deny.html\r\n";
}
