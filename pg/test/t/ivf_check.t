#!/usr/bin/perl
#
# ivf_check.t - vector_check() finds every damage planted in an index, tells
# what it is, and has nothing to say of a sound one, beside writers too.
#
# Each of many indexes gets its own damage while the server is down.  Most are
# sealed again with a right checksum, so that not the checksum finds them.
# Plain indexes, those with columns beside the vector, with rows in two lists
# and by inner product get the same damages, and those that only they can have.
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use IndexItems;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant { PAGE => 8192, BODY => 32, TRAILER => 8160 };
use constant { META => 1, MODEL => 2, DIRECTORY => 3, PACKED => 4, TAIL => 5, ROW => 6, KEYS => 7 };
use constant { NONE => 0xFFFFFFFF };

# With as many rows as stay in tails: vacuum packs a quarter of the rows when they lie on eight pages,
# and a page holds 203 postings with two keys, 338 without.
my %kinds = (
	plain => { keys => 0, index => '(v vector_l2_ops)', spill => 'off', last => 2100 },
	keyed => { keys => 2, index => '(v vector_l2_ops, a, b)', spill => 'off', last => 1500 },
	product => { keys => 0, index => '(v vector_ip_ops)', spill => 'off', last => 2100 },
	spilled => { keys => 0, index => '(v vector_l2_ops)', spill => 'on', last => 1500 },
);
my $keys;						# of the index at hand

seed_from_time();

# ---- pages ----

my @crc_table = map { my $c = $_; $c = $c & 1 ? $c >> 1 ^ 0x82F63B78 : $c >> 1 foreach 1 .. 8; $c } 0 .. 255;

sub crc32c
{
	my ($bytes) = @_;
	my $crc = 0xFFFFFFFF;

	$crc = $crc >> 8 ^ $crc_table[ ($crc ^ $_) & 255 ] foreach unpack 'C*', $bytes;
	return $crc ^ 0xFFFFFFFF;
}

sub u16 { my ($page, $at) = @_; return unpack('S', substr($$page, $at, 2)) }
sub u32 { my ($page, $at) = @_; return unpack('L', substr($$page, $at, 4)) }
sub put32 { my ($page, $at, $number) = @_; substr($$page, $at, 4) = pack('L', $number) }
sub put16 { my ($page, $at, $number) = @_; substr($$page, $at, 2) = pack('S', $number) }

sub seal
{
	my ($page) = @_;

	put32($page, TRAILER + 16, crc32c(substr($$page, BODY, u16($page, 12) - BODY) . substr($$page, TRAILER, 16)
		. substr($$page, TRAILER + 20, 12)));
}

sub flip
{
	my ($page, $at) = @_;

	substr($$page, $at, 1) = chr(ord(substr($$page, $at, 1)) ^ 1 << int rand 8);
}

# A place whose every bit counts.
sub any_place
{
	my ($page) = @_;

	return rand() < 0.8 ? BODY + int rand(u16($page, 12) - BODY) : TRAILER + int rand 32;
}

# Blocks of a kind, those in force only.
sub blocks
{
	my ($pages, $kind) = @_;
	my $generation = u32(\$pages->[0], BODY + ($kind == ROW ? 36 : 32));

	return grep { u16(\$pages->[$_], TRAILER + 24) == $kind && ($kind == META || u32(\$pages->[$_], TRAILER) == $generation) } 0 .. $#$pages;
}

# of vector(40), which is 64 coordinates in the index
sub record_bytes { return 32 + 32 + 8 * $keys }
sub record { return BODY + $_[0] * record_bytes() }
sub record_of { my ($slot) = @_; my $a_page = int(8128 / record_bytes()); return (int($slot / $a_page), record($slot % $a_page)) }
sub posting { return BODY + $_[0] * (8 + 8 * $keys + 12 + 4) }
sub slot_at { return posting($_[0] + 1) - 8 }

# The page and place of the first posting in a tail, or of a live record (not the page's first).
sub a_tail { my ($pages) = @_; return (grep { different($pages, $_) > 1 } blocks($pages, TAIL))[0] // die 'no rows in tails' }
# Places of postings on a tail's page that point to records, each to another: vacuum has taken others away.
sub different
{
	my ($pages, $tail) = @_;
	my %seen = (NONE, 1);

	return grep { !$seen{ u32(\$pages->[$tail], slot_at($_)) }++ } 0 .. u32(\$pages->[$tail], TRAILER + 12) - 1;
}
sub a_record
{
	my ($pages, $nth) = @_;

	foreach my $block (blocks($pages, ROW))
	{
		foreach my $i (0 .. u32(\$pages->[$block], TRAILER + 12) - 1)
		{
			return ($block, record($i)) if u16(\$pages->[$block], record($i) + 6) == 1 && $nth-- == 0;
		}
	}
}
# tails with more than one page: their first blocks
sub long_tails { my ($pages) = @_; my %later = map { u32(\$pages->[$_], TRAILER + 4) => 1 } blocks($pages, TAIL);
	return grep { !$later{$_} && u32(\$pages->[$_], TRAILER + 4) != NONE } blocks($pages, TAIL) }

# ---- the damages: what they are, how they are made (returning the pages to be sealed), what is said ----

my $crc = qr/checksum does not fit/;
my @damages = (
	[ 'a flipped bit in a packed code', sub { my $p = shift; flip(\$p->[ (blocks($p, PACKED))[0] ], BODY + 5); () }, $crc ],
	[ 'a flipped bit in a four-bit code', sub { my $p = shift; my ($b, $at) = a_record($p, 20); flip(\$p->[$b], $at + 30); () }, $crc ],
	[ 'a flipped bit in a factor', sub { my $p = shift; my ($b, $at) = a_record($p, 20); flip(\$p->[$b], $at + 13); () }, $crc ],
	[ 'a flipped bit in a posting', sub { my $p = shift; flip(\$p->[ a_tail($p) ], posting(1) + 9); () }, $crc ],
	[ 'a flipped bit in a row pointer', sub { my $p = shift; my ($b, $at) = a_record($p, 20); flip(\$p->[$b], $at + 4); () }, $crc ],
	[ 'a flipped bit in the model', sub { my $p = shift; flip(\$p->[ (blocks($p, MODEL))[0] ], BODY + 800); () }, $crc ],
	(map { [ "a flipped bit somewhere ($_)", sub { my $p = shift; my $b = int rand @$p; flip(\$p->[$b], any_place(\$p->[$b])); () }, qr/./ ] }
		1 .. ($ENV{RUN_TORTURE} ? 200 : 10)),
	[ 'a torn meta page', sub { my ($p, $other) = @_; substr($p->[0], 24, 4072) = substr($other->[0], 24, 4072); () }, $crc ],
	[ 'a meta page of zeros', sub { my $p = shift; substr($p->[0], BODY) = "\0" x (PAGE - BODY); () }, qr/not the meta page/ ],
	[ 'a pointer to a dead row', sub { my $p = shift; my ($b, $at) = a_record($p, 30); put16(\$p->[$b], $at + 2, 0); put16(\$p->[$b], $at + 4, 4); $b },
		qr/points to row \(0,4\): to a place without a row/ ],
	[ 'and the row it pointed to', sub { my $p = shift; my ($b, $at) = a_record($p, 30); put16(\$p->[$b], $at + 2, 0); put16(\$p->[$b], $at + 4, 4); $b },
		qr/row \(\d+,\d+\) of the table is not in the index/ ],
	[ 'a pointer past the block\'s rows', sub { my $p = shift; my ($b, $at) = a_record($p, 30); put16(\$p->[$b], $at + 4, 250); $b },
		qr/to a place that its block does not have/ ],
	[ 'a pointer to a missing block', sub { my $p = shift; my ($b, $at) = a_record($p, 30); put16(\$p->[$b], $at + 2, 60000); $b },
		qr/points to row \(60000,\d+\): to a block that does not exist/ ],
	[ 'a pointer to no row', sub { my $p = shift; my ($b, $at) = a_record($p, 30); put16(\$p->[$b], $at + 4, 0); $b }, qr/points to no row/ ],
	[ 'two pointers to one row', sub { my $p = shift; my ($b, $at) = a_record($p, 30); my ($c, $to) = a_record($p, 31);
		substr($p->[$c], $to, 6) = substr($p->[$b], $at, 6); $c }, qr/points to row \(\d+,\d+\), as another does/ ],
	[ 'two pointers exchanged', sub { my $p = shift; my ($b, $at) = a_record($p, 30); my ($c, $to) = a_record($p, 31);
		(substr($p->[$b], $at, 6), substr($p->[$c], $to, 6)) = (substr($p->[$c], $to, 6), substr($p->[$b], $at, 6)); ($b, $c) },
		qr/a record's code is not that of row \(\d+,\d+\)/ ],
	[ 'a row missing', sub { my $p = shift; my $t = a_tail($p); my ($i) = different($p, $t); my ($b, $at) = record_of(u32(\$p->[$t], slot_at($i)));
		put32(\$p->[$t], slot_at($i), NONE); put16(\$p->[$b], $at + 6, 0); ($t, $b) }, qr/^\|\|\|row \(\d+,\d+\) of the table is not in the index$/ ],
	[ 'a record without a posting', sub { my $p = shift; my $t = a_tail($p); my ($i) = different($p, $t); put32(\$p->[$t], slot_at($i), NONE); $t },
		qr/a record has no posting/ ],
	[ 'a posting of another record', sub { my $p = shift; my $t = a_tail($p); my ($i, $j) = different($p, $t);
		put32(\$p->[$t], slot_at($i), u32(\$p->[$t], slot_at($j))); $t }, qr/a (second|third) posting points to this record/ ],
	[ 'a posting to a free place', sub { my $p = shift; my $t = a_tail($p); my ($i) = different($p, $t); my ($b, $at) = record_of(u32(\$p->[$t], slot_at($i)));
		put16(\$p->[$b], $at + 6, 0); $b }, qr/a posting points to a record that is not there/ ],
	[ 'a posting to a missing block', sub { my $p = shift; my $t = a_tail($p); my ($i) = different($p, $t); put32(\$p->[$t], slot_at($i), 0xFFFFFF00); $t },
		qr/a posting points to a block that does not exist/ ],
	[ 'a posting with another code', sub { my $p = shift; my $t = a_tail($p); my ($i) = different($p, $t); substr($p->[$t], posting($i), 8) ^= "\xFF" x 8; $t },
		qr/a posting is not that of its record/ ],
	[ 'a posting in the wrong tail', sub { my $p = shift; my $t = a_tail($p); my ($i) = different($p, $t); put32(\$p->[$t], posting($i + 1) - 4, 1_000_000); $t }, qr/a posting is in the wrong tail/ ],
	[ 'a record in an impossible state', sub { my $p = shift; my ($b, $at) = a_record($p, 30); put16(\$p->[$b], $at + 6, 7); $b }, qr/impossible state 7/ ],
	[ 'a record of an impossible list', sub { my $p = shift; my ($b, $at) = a_record($p, 30); put32(\$p->[$b], $at + 8, 70000); $b }, qr/names a list that there is not/ ],
	[ 'a chain cut', sub { my $p = shift; my ($t) = long_tails($p); put32(\$p->[$t], TRAILER + 4, NONE); $t }, qr/tail \d+ ends before its last page/ ],
	[ 'the rest of a chain cut', sub { my $p = shift; my ($t) = long_tails($p); put32(\$p->[$t], TRAILER + 4, NONE); $t }, qr/nothing leads to this page of kind 5/ ],
	[ 'a chain looped', sub { my $p = shift; my ($t) = long_tails($p); put32(\$p->[$t], TRAILER + 4, $t); $t }, qr/something else led to before/ ],
	[ 'a chain crossed', sub { my $p = shift; my ($t) = long_tails($p); my ($d) = blocks($p, DIRECTORY);
		put32(\$p->[$t], TRAILER + 4, u32(\$p->[$d], BODY + (u32(\$p->[$d], BODY) == $t ? 16 : 0))); $t },
		qr/a page of tail \d+ in the chain of tail \d+|something else led to before/ ],
	[ 'a chain that leads nowhere', sub { my $p = shift; my ($t) = long_tails($p); put32(\$p->[$t], TRAILER + 4, 60000); $t }, qr/leads to a block that does not exist/ ],
	[ 'the model\'s chain looped', sub { my $p = shift; my ($m) = blocks($p, MODEL); put32(\$p->[$m], TRAILER + 4, $m); $m }, qr/something else led to before/ ],
	[ 'the chain of rows cut', sub { my $p = shift; my ($first) = u32(\$p->[0], BODY + 60); put32(\$p->[$first], TRAILER + 4, NONE); $first },
		qr/that the chain of such pages does not lead to/ ],
	[ 'the chain of rows looped', sub { my $p = shift; my ($first) = u32(\$p->[0], BODY + 60); put32(\$p->[$first], TRAILER + 4, $first); $first },
		qr/leads to a page that is not in it, or in a circle/ ],
	[ 'a wrong count of postings', sub { my $p = shift; my $t = a_tail($p); put32(\$p->[$t], TRAILER + 12, u32(\$p->[$t], TRAILER + 12) - 1); $t },
		qr/the page counts \d+, which is not what it holds/ ],
	[ 'a wrong count of records', sub { my $p = shift; my ($b) = a_record($p, 1); put32(\$p->[$b], TRAILER + 12, u32(\$p->[$b], TRAILER + 12) - 1); $b },
		qr/the page counts \d+, which is not what it holds/ ],
	[ 'a wrong count of packed postings', sub { my $p = shift; put32(\$p->[0], BODY + 72, 17); 0 }, qr/the meta page counts 17 packed postings/ ],
	[ 'a wrong count of pages', sub { my $p = shift; my ($d) = blocks($p, DIRECTORY); put32(\$p->[$d], BODY + 8, u32(\$p->[$d], BODY + 8) + 1); $d },
		qr/the directory counts \d+ pages of tail 0, which has \d+/ ],
	[ 'tails denied', sub { my $p = shift; put32(\$p->[0], BODY + 52, 0); 0 }, qr/there are tails, but/ ],
	[ 'a page of another kind', sub { my $p = shift; my ($b) = blocks($p, PACKED); put16(\$p->[$b], TRAILER + 24, TAIL); $b },
		qr/leads to a page of kind 5, generation \d+, where kind 4/ ],
	[ 'a page of an unknown kind', sub { my $p = shift; my ($b) = blocks($p, ROW); put16(\$p->[$b], TRAILER + 24, 99); $b }, qr/unknown kind 99/ ],
	[ 'a page of another version', sub { my $p = shift; my ($b) = blocks($p, ROW); put16(\$p->[$b], TRAILER + 26, 77); $b }, qr/page format version 77/ ],
	[ 'a page of another program', sub { my $p = shift; my ($b) = blocks($p, ROW); put32(\$p->[$b], TRAILER + 28, 77); $b }, qr/not a page of an OmenDB index/ ],
	[ 'a page of a generation to come', sub { my $p = shift; my ($b) = blocks($p, ROW); put32(\$p->[$b], TRAILER, 77); $b }, qr/generation 77 where \d+ is the highest/ ],
	[ 'a meta page of another version', sub { my $p = shift; put32(\$p->[0], BODY + 4, 77); 0 }, qr/format version 77/ ],
	[ 'a meta page of another index', sub { my $p = shift; put32(\$p->[0], BODY + 8, 41); 0 }, qr/other dimensions or another metric/ ],
	[ 'an index cut short', sub { my $p = shift; $#$p = (blocks($p, ROW))[-1] - 1; () }, qr/does not exist|nothing leads|not in the index/ ],
);

# of all postings of a page: some may be removed already
my @of_keyed = (
	[ 'a key in a record', sub { my $p = shift; my ($b, $at) = a_record($p, 30); flip(\$p->[$b], $at + 64 + 2); $b }, qr/./ ],
	[ 'keys in a tail', sub { my $p = shift; my $t = a_tail($p); flip(\$p->[$t], posting($_) + 8 + 2) foreach 0 .. u32(\$p->[$t], TRAILER + 12) - 1; $t }, qr/./ ],
	[ 'packed keys', sub { my $p = shift; my ($b) = blocks($p, KEYS); flip(\$p->[$b], $_) foreach map { BODY + 8 * $_ } 0 .. (u16(\$p->[$b], 12) - BODY) / 8 - 1; $b }, qr/./ ],
	[ 'a flipped bit in a packed key', sub { my $p = shift; my ($b) = blocks($p, KEYS); flip(\$p->[$b], BODY + 2); () }, $crc ],
	[ 'digests', sub { my $p = shift; my ($m) = reverse blocks($p, MODEL); my $used = u16(\$p->[$m], 12) - BODY;
		substr($p->[$m], BODY, $used) = "\0" x $used; $m }, qr/./ ],
);
# Of chains and of pages as such all kinds have the same.
my @of_any = grep { $_->[0] =~ /^a flipped bit in|point|posting|record|row/ } @damages;
# Nothing tells what the code of a posting in a second list must be, nor that there must be one.
my @of_spilled = grep { $_->[0] !~ /^a record without|^a posting (of another|with another)/ } @of_any;
my @cases = ((map { [ 'plain', $_ ] } @damages), (map { [ 'keyed', $_ ] } @of_any, @of_keyed),
	(map { [ 'product', $_ ] } @of_any), (map { [ 'spilled', $_ ] } @of_spilled), map { [ $_ ] } sort keys %kinds);
my @damaged = grep { $cases[$_][1] } 0 .. $#cases;
my %sound = map { $cases[$_][0] => $_ } grep { !$cases[$_][1] } 0 .. $#cases;

my $node = PostgreSQL::Test::Cluster->new('check');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\n");
$node->start;

my $sql = <<'SQL';
CREATE EXTENSION vector;
CREATE TABLE base AS SELECT i AS id, (SELECT array_agg(random()) FROM generate_series(1, 40) WHERE i = i)::vector(40) AS v,
	i % 7 AS a, 't' || i % 50 AS b FROM generate_series(1, 2100) i;
SQL
# Of rows in tails none is deleted after the last vacuum: that such a one is missing nobody would say.
foreach my $i (0 .. $#cases)
{
	my $kind = $kinds{$cases[$i][0]};

	$sql .= <<"SQL";
CREATE TABLE t$i (id int, v vector(40), a int, b text);
INSERT INTO t$i SELECT * FROM base WHERE id <= 1100;
CREATE INDEX x$i ON t$i USING ivf $kind->{index} WITH (lists = 70, spill = $kind->{spill});
DELETE FROM t$i WHERE id % 10 = 1;
VACUUM (INDEX_CLEANUP on) t$i;
INSERT INTO t$i SELECT id, CASE WHEN id % 50 <> 0 THEN v END, a, b FROM base WHERE id BETWEEN 1201 AND $kind->{last};
UPDATE t$i SET id = id WHERE id % 10 = 8;
DELETE FROM t$i WHERE id = 4;
VACUUM (INDEX_CLEANUP on) t$i;
DELETE FROM t$i WHERE id % 10 = 7 AND id <= 1100;
SQL
}
$node->safe_psql('postgres', $sql);
is($node->safe_psql('postgres', join ' UNION ALL ', map { "SELECT $_, c.* FROM vector_check('x$_') c" } 0 .. $#cases),
	'', 'sound indexes: nothing is said');

my %path = map { split /\|/ } split /\n/,
	$node->safe_psql('postgres', "SELECT relname, pg_relation_filepath(oid) FROM pg_class WHERE relname ~ '^x[0-9]+\$'");
$node->stop;
sub pages_of { return [ unpack '(a' . PAGE . ')*', slurp_file($node->data_dir . '/' . $path{"x$_[0]"}) ] }

foreach my $i (@damaged)
{
	my ($kind, $damage) = @{ $cases[$i] };
	my $pages = pages_of($i);

	$keys = $kinds{$kind}{keys};
	seal(\$pages->[$_]) foreach $damage->[1]->($pages, pages_of($sound{$kind}));
	open my $out, '>:raw', $node->data_dir . '/' . $path{"x$i"} or die "x$i: $!";
	print $out join('', @$pages);
	close $out;
}
$node->start;
foreach my $i (@damaged)
{
	my ($kind, $damage) = @{ $cases[$i] };
	my ($status, $out, $err) = $node->psql('postgres', "SELECT * FROM vector_check('x$i')");
	my $said = join "\n", grep { $_ =~ $damage->[2] } split /\n/, $out;

	isnt($said, '', "$kind: $damage->[0]") or diag("said: $out\n$err");
}
is($node->safe_psql('postgres', join ' UNION ALL ', map { "SELECT c.* FROM vector_check('x$_') c" } values %sound), '',
	'and of those left alone');
$node->safe_psql('postgres', 'REINDEX INDEX x0');
is($node->safe_psql('postgres', "SELECT * FROM vector_check('x0')"), '', 'REINDEX heals');

# ---- beside writers: no false alarm ----

$node->append_conf('postgresql.conf', "autovacuum = on\n");
$node->reload;
create_items($node, 2000);
my @clients = (
	start_client($node, 6, 'INSERT INTO items (v) SELECT new_vector() FROM generate_series(1, 50)'),
	start_client($node, 6, 'DELETE FROM items WHERE id % 10 = (random() * 9)::int AND random() < 0.1',
		'UPDATE items SET v = new_vector() WHERE id % 100 = (random() * 99)::int'),
	start_client($node, 6, 'VACUUM items'));
my $alarms = '';
my $checks = 0;
my $until = time + 6;
while (time < $until)
{
	$alarms .= $node->safe_psql('postgres', "SELECT * FROM vector_check('items_index')");
	$checks++;
}
is(join('', finish_clients(@clients)), '', 'writers meet no error');
is($alarms, '', 'and no check a damage');
cmp_ok($checks, '>', 1, 'checks were made meanwhile');
$node->stop;
done_testing();
