#!/usr/bin/perl
#
# demo.t - goal: the demo makes what is missing and nothing else, answers
# rightly, survives being interrupted, and refuses what is not its own.
#
# The corpus is made up: sentences over twelve subjects, so that the nearest
# definitions to a question of one subject are known.
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use File::Basename qw(dirname);
use lib dirname(__FILE__);
use OmenInstance;
use Test::More;
use Time::HiRes qw(sleep);

my $dir = scratch();
my $data = "$dir/data";
my $wordnet = "$dir/wordnet";
my ($code, $out, $err);

my %subject = (animal => [qw(cat dog horn tail fur paw wolf fox bear lamb)]);
foreach my $name (qw(body cloth food house music plant sea sky tool war wood))
{
	$subject{$name} = [ map { "$name$_" } 0 .. 9 ];
}
my $rows = 2000;

sub put
{
	my ($name, $text) = @_;
	open my $file, '>', "$wordnet/$name" or die "$name: $!";
	print $file $text;
	close $file or die "$name: $!";
}

mkdir $wordnet or die;
srand(7);
my $nouns = "  1 A licence.  \n";
foreach my $i (1 .. $rows)
{
	my $name = (sort keys %subject)[ $i % 12 ];
	my $gloss = join ' ', map { $subject{$name}[ rand 10 ] } 1 .. 8;
	$nouns .= sprintf "%08d 03 n 01 %s_%d 0 000 | %s  \n", $i, $name, $i, $gloss;
}
put('data.noun', $nouns);
put('data.verb', "00000001 30 v 01 bark 0 000 01 + 01 00 | what a dog does to a cat  \n");
put('data.adj', "00000001 00 a 01 salty 0 000 | of food1 with food2  \n");
put('data.adv', "00000001 02 r 01 nightly 0 000 | sky3 by sky4  \n");
$rows += 3;
my @demo = ('demo', '--data', $data, '--wordnet', $wordnet);

# -------- wrong usage, and nothing to run on --------

is((omendb('demo', '--frobnicate'))[0], 2, 'an unknown flag is wrong usage');
is((omendb('demo', 'tomorrow'))[0], 2, 'an argument is wrong usage');
is((omendb('demo', '--ask'))[0], 2, 'a flag without its value is wrong usage');
($code, $out, $err) = omendb(@demo);
is($code, 1, 'without a database the demo fails');
like($err, qr/omendb serve/, '... and says how to start one');

my $server = start(data => $data);
ok($server->{url}, 'the server runs') or BAIL_OUT(slurp($server->{err}));

# -------- a corpus that is not there, or broken --------

($code, $out, $err) = omendb('demo', '--data', $data, '--wordnet', "$dir/nowhere");
is($code, 1, 'no corpus is a failure');
like($err, qr/nowhere\/data\.noun.*wordnet-base/s, '... that names the file and the package');
put('data.adj', "00000001 00 a 01 salty 0 00");
($code, $out, $err) = omendb(@demo);
is($code, 1, 'a corpus cut short is a failure');
like($err, qr/data\.adj:1: /, '... that names file and line');
put('data.adj', "00000001 00 a 01 salty 0 000 | of food1 with food2  \n");
is(sql($data, "SELECT to_regclass('wordnet') IS NULL"), 't', '... and leaves no table');

# -------- the whole demo --------

($code, $out, $err) = omendb(@demo);
is($code, 0, 'the demo succeeds') or diag($err);
like($err, qr/trained the embedder: 2,003 texts/, 'it trained the embedder');
like($err, qr/loading definitions: 2,003 rows/, '... loaded the rows');
like($err, qr/built the index in/, '... and built the index');
like($out, qr/recall\@10 +(?:0\.9[5-9]\d|1\.000) /, 'recall is measured, and at least 0.95');
like($out, qr/index +[\d,]+ queries a second/, '... and so is speed');
like($out, qr/^  psql 'postgresql:/m, 'it says what to try next');
is(sql($data, 'SELECT count(*), count(embedding), min(vector_dims(embedding)) FROM wordnet'),
	"$rows|$rows|384", 'every row has its vector');
is(sql($data, "SELECT count(*) FROM wordnet WHERE abs(vector_norm(embedding) - 1) > 1e-5"),
	'0', '... of unit length');
is(sql($data, "SELECT words || '|' || pos || '|' || gloss FROM wordnet WHERE synset = '00000001-v'"),
	'bark|verb|what a dog does to a cat', 'rows say what the file says');
is(sql($data, "SELECT amname FROM pg_class c JOIN pg_am a ON a.oid = relam WHERE relname = 'wordnet_embedding_idx'"),
	'ivf', 'the index is an ivf');
like($out, qr/unable to hear +\(the embedder knows no word of this/,
	'a question without a known word is told so');

# -------- the second time --------

my $before = sql($data, "SELECT min(xmin::text), max(xmin::text) FROM wordnet");
($code, $out, $err) = omendb(@demo);
is($code, 0, 'a second demo succeeds');
unlike($err, qr/trained|loading|built/, '... and makes nothing again');
is(sql($data, "SELECT min(xmin::text), max(xmin::text) FROM wordnet"), $before, '... nor touches a row');

($code, $out, $err) = omendb(@demo, '--ask', 'a wolf with a paw and a tail');
is($code, 0, 'a question is answered');
my @answers = $out =~ /\b([a-z]+) \d+:/g;
is("@answers", join(' ', ('animal') x 8), '... by eight rows of its subject');
unlike($out, qr/recall/, '... and nothing is measured');
($code, $out) = omendb(@demo, '--ask', 'xylophone');
is($code, 0, 'a question without a known word is no failure');
like($out, qr/knows no word/, '... and gets no made-up answer');

# -------- interrupted --------

sql($data, 'DROP INDEX wordnet_embedding_idx');
($code, $out, $err) = omendb(@demo, '--ask', 'food3 and food4');
is($code, 0, 'with its index gone the demo builds it again');
like($err, qr/built the index/, '... and says so');
unlike($err, qr/loading/, '... without loading the rows again');

# Killed while it makes the index, and started again at once; two at a time.
sub spawn
{
	my $pid = fork // die;
	if ($pid == 0)
	{
		open STDERR, '>', '/dev/null';
		open STDOUT, '>', '/dev/null';
		exec $ENV{OMENDB_TEST_BINARY} // build_dir() . '/bin/omendb', @demo, '--ask', 'sky1' or exit 1;
	}
	return $pid;
}

foreach my $delay_s (0.05, 0.1, 0.2, 0.3)
{
	sql($data, 'DROP TABLE wordnet');
	my $pid = spawn();
	sleep $delay_s;
	kill 'KILL', $pid;
	($code, $out, $err) = omendb(@demo, '--ask', 'sky1 with sky2');
	waitpid $pid, 0;
	is($code, 0, "a demo killed after $delay_s s is simply run again") or diag($err);
	is(sql($data, 'SELECT count(*) FROM wordnet'), $rows, '... and has every row once');
}
sql($data, 'DROP TABLE wordnet');
my @pids = map { spawn() } 1 .. 3;
my @codes = map { waitpid($_, 0); $? } @pids;
is("@codes", '0 0 0', 'three demos at once wait for one another');
is(sql($data, 'SELECT count(*) FROM wordnet'), $rows, '... and load the rows once');

# -------- what is not its own --------

my $model = (glob "$data/models/*.lsa")[0];
ok($model && -s $model, 'the model is kept in the data folder');
open my $file, '+<', $model or die;
seek $file, 1000, 0;
print $file 'garbage!';
close $file;
($code, $out, $err) = omendb(@demo, '--ask', 'food5');
is($code, 0, 'a damaged model is trained anew, to the same bytes: the table still fits') or diag($err);
like($err, qr/damaged.*trained the embedder/s, '... and the reader is told');

sql($data, "COMMENT ON TABLE wordnet IS 'WordNet''s definitions, loaded by omendb demo; embedder: lsa 384 0'");
($code, $out, $err) = omendb(@demo);
is($code, 1, 'vectors of another model are refused');
like($err, qr/another model.*DROP TABLE/s, '... with advice');
sql($data, 'COMMENT ON TABLE wordnet IS NULL');
($code, $out, $err) = omendb(@demo);
is($code, 1, 'a table of somebody else\'s is refused');
like($err, qr/did not make/, '... and said so');
is(sql($data, 'SELECT count(*) FROM wordnet'), $rows, '... and left alone');

is(stop($server), 0, 'the server stops');
done_testing();
