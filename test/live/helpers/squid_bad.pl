# A url_rewrite program that does what its first argument says. With `--channels` lines begin with a number.
use strict;
use warnings;

my ($mode, $channels) = @ARGV;
$| = 1;
my $asked = 0;
my @kept;

sub answer {
    my ($line, $text) = @_;
    return $line =~ /^(\d+) / && $channels ? "$1 $text\n" : "$text\n";
}

if ($mode eq 'sleeps' || $mode eq 'never reads') { sleep 1000; exit }
if ($mode eq 'dies') { exit 3 }
if ($mode eq 'ignores signals') { $SIG{TERM} = 'IGNORE'; sleep 1000 while 1 }
if ($mode eq 'writes without being asked') { print "x" x 1000, "\n" while 1 }
if ($mode eq 'floods stderr') { print STDERR "trouble\n" for 1 .. 100000 }
if ($mode eq 'closes its output') { close STDOUT; sleep 1000; exit }

while (my $line = <STDIN>) {
    $asked++;
    if ($mode eq 'dies of a question') { exit 4 if $line =~ m{/poison} }
    if ($mode eq 'dies of its 20th question') { exit 5 if $asked == 20 }
    if ($mode eq 'sleeps over a question') { sleep 1000 if $line =~ m{/poison} }
    if ($mode eq 'writes half a line') { print "1 O"; next }
    if ($mode eq 'writes a line without end') { print "x" x 65536 while 1 }
    if ($mode eq 'answers twice') { print answer($line, 'OK'), answer($line, 'OK url="http://wrong.test/"'); next }
    if ($mode eq 'answers another') { print "999999999 OK url=http://wrong.test/\n"; next }
    if ($mode eq 'answers the last first') {
        push @kept, $line;
        # As many as come at once: when there are no more to be had, it must answer.
        my $in = '';
        vec($in, fileno(STDIN), 1) = 1;
        next if @kept < 8 && select($in, undef, undef, 0.02);
        print answer(pop @kept, 'OK') while @kept;
        next;
    }
    if ($mode eq 'answers piece by piece') {
        for (split //, answer($line, 'OK')) { print; select undef, undef, undef, 0.001 }
        next;
    }
    print answer($line, 'OK');
}
