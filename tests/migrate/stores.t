#!/usr/bin/perl
#
# stores.t - goal: a collection of Pinecone, Qdrant, Weaviate or Chroma, from a file
# or an API, becomes a table that holds it all, once, whatever interrupts it; its
# index has the collection's distance; what is wrong is said and leaves nothing
# half done; and the API key is sent, and seen nowhere.
#
# The simpler thing that each table is compared with is the list of points that
# the file, or the mock of the API, was made of.
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use IPC::Run ();
use JSON::PP ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use StoreMock;
use Test::More;

my $json = JSON::PP->new->canonical->utf8->allow_nonref;
my $scratch = PostgreSQL::Test::Utils::tempdir;
my $node = PostgreSQL::Test::Cluster->new('here');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE app');
$node->safe_psql('app', 'CREATE EXTENSION vector');

delete @ENV{qw(QDRANT_API_KEY WEAVIATE_API_KEY CHROMA_API_KEY http_proxy HTTP_PROXY)};
my @mocks;
END { my $code = $?; kill 'KILL', @mocks if @mocks; $? = $code; }

sub migrate
{
	my @arguments = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'omendb', 'migrate', '--to', $node->connstr('app'), @arguments ], '>', \$out, '2>', \$err);
	return ($? >> 8, $out, $err);
}

sub rows { return $node->safe_psql('app', $_[0]) }

sub file
{
	my ($name, $text) = @_;
	open my $file, '>', "$scratch/$name" or die $!;
	print $file $text;
	close $file;
	return "$scratch/$name";
}

my $log = "$scratch/questions";

sub mock
{
	my ($kind, %more) = @_;
	unlink $log;
	my ($port, $pid) = StoreMock::start(kind => $kind, log => $log, %more);
	push @mocks, $pid;
	return "http://127.0.0.1:$port";
}

# Points whose numbers are exact in single precision.
my @points = map { my $i = $_; +{
	id => sprintf('p%04d', $i),
	vectors => { '' => [ map { ($i * $_ * 7 % 64) / 8 + 0.125 } 1 .. 4 ] },
	metadata => $i % 5 ? { n => $i, deep => { list => [ 1, 'zwei', undef ] }, text => "\x{e9} \"$i\"" } : undef,
	document => $i % 3 ? "document $i\n" : undef,
} } 1 .. 600;

# What a table ought to be, one line a row, and what it is.
sub lines_of
{
	my ($column, @list) = @_;
	return join "\n", sort map {
		my $v = $_->{vectors}{$column eq 'embedding' ? '' : $column};
		join '|', $_->{id}, $v ? '[' . join(',', @$v) . ']' : '', defined $_->{metadata} ? $_->{metadata}{n} : 'none' } @list;
}

sub lines_in
{
	my ($table, $column) = @_;
	return join "\n", sort split /\n/, rows(
		"SELECT id, $column, coalesce(metadata->>'n', 'none') FROM $table");
}

sub index_of { return rows("SELECT pg_get_indexdef(i) FROM (SELECT indexrelid i FROM pg_index "
			. "WHERE indrelid = '$_[0]'::regclass AND NOT indisprimary) x") }

my ($code, $out, $err);

# -------- usage --------

foreach my $case (
	[ 'two sources', '--from-qdrant', 'a', '--from-chroma', 'b' ],
	[ 'an unknown metric', '--from-qdrant', 'a', '--metric', 'hamming' ],
	[ 'a metric for an address', '--from-qdrant', 'http://127.0.0.1:1', '--metric', 'l2' ],
	[ 'a collection for a file', '--from-qdrant', 'a', '--collection', 'b' ],
	[ 'an unknown index', '--from-qdrant', 'a', '--index', 'flat' ],
	[ 'a table for a database', '--from', 'dbname=x', '--table', 'b' ])
{
	my ($what, @arguments) = @$case;
	($code, $out, $err) = migrate(@arguments);
	is($code, 2, "$what: usage");
}

# -------- files --------

my @records = map { +{ id => $_->{id}, values => $_->{vectors}{''}, $_->{metadata} ? (metadata => $_->{metadata}) : () } } @points;
my $lines = join '', map { $json->encode($_) . "\n" } @records;
($code, $out, $err) = migrate('--from-pinecone', file('Records.jsonl', $lines), '--metric', 'dotproduct');
is($code, 0, 'Pinecone: a record a line') or diag $err;
is(lines_in('records', 'embedding'), lines_of('embedding', @points), 'every record, in a table named after the file');
like(index_of('records'), qr/USING ivf \(embedding vector_ip_ops\)/, 'an ivf index of the distance asked for');
like($out, qr/600\s+600\s+same\s+20 of 20/, 'counts, checksum and metadata in the report');
is(rows(q{SELECT metadata->'deep'->'list'->>1 || (metadata->>'text') FROM records WHERE id = 'p0007'}), "zwei\x{c3}\x{a9} \"7\"",
	'metadata as it was');
is(rows("SELECT count(*) FROM pg_namespace WHERE nspname = 'omendb_migrate'"), 0, 'no notes are left');

($code, $out, $err) = migrate('--from-pinecone', "$scratch/Records.jsonl");
is($code, 1, 'a table that exists already: refused');
like($err, qr/there is a table.*"records" already.*\n.*--table/, 'with a way out');

foreach my $case (
	[ 'an array', '[' . join(",\n", map { $json->encode($_) } @records) . "]\n" ],
	[ 'answers of fetch', join "\n", map { my $page = $_; $json->encode({ namespace => '', vectors =>
			{ map { ($_->{id} => $_) } @records[ $page * 100 .. $page * 100 + 99 ] } }) } 0 .. 5 ],
	[ 'bodies of upsert, indented', JSON::PP->new->pretty->utf8->encode({ vectors => \@records }) ],
	[ 'metadata in strings', "\xEF\xBB\xBF" . join "\r\n", map { $json->encode({ %$_, $_->{metadata} ?
				(metadata => JSON::PP->new->encode($_->{metadata})) : () }) } @records ])
{
	my ($what, $text) = @$case;
	($code, $out, $err) = migrate('--from-pinecone', file('more.json', $text), '--table', 'other', '--index', 'none',
		'--samples', '0');
	is($code, 0, "Pinecone: $what") or diag $err;
	is(lines_in('other', 'embedding'), lines_of('embedding', @points), "$what: every record");
	is(index_of('other'), '', "$what: no index, as asked");
	rows('DROP TABLE other');
}

($code, $out, $err) = migrate('--from-pinecone', file('hybrid.jsonl',
	q({"id": "a", "values": [1, 2], "sparse_values": {"indices": [5, 0, 1000], "values": [0.5, 1, 2]}}) . "\n"
	. q({"id": "b", "sparseValues": {"indices": [], "values": []}, "metadata": null}) . "\n"));
is($code, 0, 'Pinecone: sparse values, and none of either') or diag $err;
is(rows('SELECT id, embedding, sparse_values FROM hybrid ORDER BY id'),
	"a|[1,2]|{1:1,6:0.5,1001:2}/1000000000\nb||{}/1000000000", 'sparsevec counts from 1');

($code, $out, $err) = migrate('--from-pinecone', file('hashed.jsonl',
	q({"id": "a", "sparse_values": {"indices": [4000000000], "values": [0.5]}})));
is($code, 0, 'indices past what sparsevec counts to') or diag $err;
is(rows(q{SELECT sparse_values->'indices'->>0 FROM hashed}), 4000000000, 'stay JSON');

my @numbered = map { +{ %{ $points[$_] }, id => $_ + 1 } } 0 .. $#points;
my @pages = map { my $page = $_; { result => { next_page_offset => undef, points => [ map {
				+{ id => $_->{id}, payload => $_->{metadata}, vector => $_->{vectors}{''} } } @numbered[ $page * 200 .. $page * 200 + 199 ] ] } }
	} 0 .. 2;
($code, $out, $err) = migrate('--from-qdrant', file('qdrant.jsonl', join "\n", map { $json->encode($_) } @pages));
is($code, 0, 'Qdrant: a file of pages') or diag $err;
is(lines_in('qdrant', 'embedding'), lines_of('embedding', @numbered), 'every point');
like(index_of('qdrant'), qr/vector_cosine_ops/, 'cosine unless told');

($code, $out, $err) = migrate('--from-weaviate', file('objects.json', $json->encode({ objects => [ map {
			+{ class => 'X', id => $_->{id}, properties => $_->{metadata}, vectors => { body => $_->{vectors}{''}, title => [] } } } @points ] })));
is($code, 0, 'Weaviate: a file with vectors by name') or diag $err;
is(lines_in('objects', 'body'), lines_of('embedding', @points), 'every object');

($code, $out, $err) = migrate('--from-chroma', file('chroma.json', $json->encode(StoreMock::get_result(@points))), '--metric', 'l2',
	'--index', 'hnsw');
is($code, 0, 'Chroma: what get() returns') or diag $err;
is(lines_in('chroma', 'embedding'), lines_of('embedding', @points), 'every record');
is(rows('SELECT count(*), count(document), count(uri), min(document) FROM chroma'), "600|400|0|document 1\n", 'documents too');
like(index_of('chroma'), qr/USING hnsw \(embedding vector_l2_ops\)/, 'an hnsw index, as asked');

# -------- files that are wrong --------

mkdir "$scratch/folder";
my @bad = (
	[ 'no JSON', '{"id": "a", "values": [1, 2}', qr/byte 1: a comma or \]/ ],
	[ 'cut short', "$lines\{\"id\": \"z\", \"val", qr/byte \d+: a string does not end/ ],
	[ 'no object', '"a"', qr/an object .* was expected/ ],
	[ 'an array without end', '[{"id": "a", "values": [1]}', qr/an array does not end/ ],
	[ 'no id', '{"values": [1, 2]}', qr/point 1 has no id/ ],
	[ 'other dimensions', qq({"id": "a", "values": [1, 2]}\n{"id": "b", "values": [1]}), qr/point 2 has 1 dimensions, and others have 2/ ],
	[ 'a vector that is none', '{"id": "a", "values": "x"}', qr/neither an array/ ],
	[ 'too many dimensions', '{"id": "a", "values": [' . join(',', (1) x 16001) . ']}', qr/16000/ ],
	[ 'no numbers', '{"id": "a", "values": [1, "x\u001b[2J"]}', qr/point 1: column "embedding"/ ],
	[ 'no UTF-8', "{\"id\": \"a\xff\", \"values\": [1]}", qr/not valid UTF-8/ ],
	[ 'the same id twice', qq({"id": "a", "values": [1]}\n{"id": "a", "values": [2]}), qr/point 2: .*duplicate key/ ],
	[ 'indices without values', '{"id": "a", "sparse_values": {"indices": [1, 2], "values": [1]}}', qr/more indices than values/ ],
	[ 'nested too deeply', '{"id": "a", "metadata": ' . '[' x 300 . ']' x 300 . '}', qr/nested too deeply/ ]);
foreach my $case (@bad)
{
	my ($what, $text, $reason) = @$case;
	($code, $out, $err) = migrate('--from-pinecone', file('bad.json', $text));
	is($code, 1, "$what: refused");
	like($err, $reason, "$what: said so");
	unlike($err, qr/[\x00-\x09\x0b-\x1f]\[2J/, "$what: nothing drives the terminal") if $what eq 'no numbers';
	rows('DROP TABLE IF EXISTS bad');
}
($code, $out, $err) = migrate('--from-chroma', file('short.json', '{"ids": ["a", "b"], "embeddings": [[1]]}'));
like($err, qr/embeddings is shorter than ids/, 'Chroma: arrays of different lengths');
($code, $out, $err) = migrate('--from-chroma', "$scratch/folder");
like($err, qr/is a folder.*\n.*chroma run --path/, 'a folder of Chroma: how to get at it');
($code, $out, $err) = migrate('--from-pinecone', "$scratch/absent.json");
like($err, qr/cannot open .*absent.json: No such file/, 'no such file: refused');
($code, $out, $err) = migrate('--from-pinecone', file('nothing.json', ''));
like($err, qr/nothing.json is empty/, 'an empty file: refused');
is(rows("SELECT to_regclass('nothing') IS NULL"), 't', '... and no table made of it');
($code, $out, $err) = migrate('--from-pinecone', 'https://index.svc.pinecone.io');
like($err, qr/Pinecone is read from a file/, 'an address of Pinecone: refused');

# -------- a file, interrupted --------
#
# The new table gets a check that refuses one point in the first run only.

rows(q{CREATE FUNCTION hinder() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN
	IF to_regclass('halves') IS NOT NULL THEN ALTER TABLE halves ADD CHECK
		(id <> 'p0450' OR current_setting('test.hinder', true) IS DISTINCT FROM 'on'); END IF; END$$;
	CREATE EVENT TRIGGER hinder ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION hinder()});
$ENV{OMENDB_TEST_MIGRATE_PART} = 4000;
{
	local $ENV{PGOPTIONS} = '-c test.hinder=on';
	($code, $out, $err) = migrate('--from-pinecone', file('halves.jsonl', $lines));
}
is($code, 1, 'a run that ends in the middle');
like($err, qr/point 450: .*violates check constraint/, 'says where');
my $before = rows('SELECT count(*) FROM halves');
cmp_ok($before, '>', 100, 'what was copied stands');
cmp_ok($before, '<', 450, 'as far as it came');
rows('DROP EVENT TRIGGER hinder');
($code, $out, $err) = migrate('--from-pinecone', "$scratch/halves.jsonl");
is($code, 0, 'the same command goes on') or diag $err;
like($out, qr/^@{[600 - $before]} points copied by this run/, 'with the rest only');
is(lines_in('halves', 'embedding'), lines_of('embedding', @points), 'and every point is there once');
delete $ENV{OMENDB_TEST_MIGRATE_PART};

# -------- APIs --------

my %uuid = map { ($_->{id} => sprintf '00000000-0000-4000-8000-%012d', substr($_->{id}, 1)) } @points;
my @of_uuid = map { +{ %$_, id => $uuid{ $_->{id} }, metadata => $_->{metadata} // {} } } @points;
my @named = map { my $p = $points[$_]; +{ %$p, id => $_ + 1, vectors => { image => $p->{vectors}{''},
			text => [ reverse @{ $p->{vectors}{''} }, 1 ], $_ % 2 ? (words => { indices => [ $_, $_ + 9 ], values => [ 1, 0.5 ] }) : (),
			tokens => [ [ 1, 2 ], [ 3, $_ ] ] } } } 0 .. $#points;

my $url = mock(\&StoreMock::qdrant, names => ['my docs'], points => \@of_uuid, metrics => { '' => 'l2' }, dims => { '' => 4 },
	key => [ 'api-key', 'secret-of-mine' ]);
($code, $out, $err) = migrate('--from-qdrant', $url);
is($code, 1, 'Qdrant: without the key');
like($err, qr/answered 401: Invalid API key.*\n.*QDRANT_API_KEY/, 'it says which variable');
{
	local $ENV{QDRANT_API_KEY} = 'secret-of-mine';
	($code, $out, $err) = migrate('--from-qdrant', "$url/");
}
is($code, 0, 'with the key from the environment') or diag $err;
is(lines_in('"my docs"', 'embedding'), lines_of('embedding', map { +{ %$_, metadata => $_->{metadata}{n} ? $_->{metadata} : undef } } @of_uuid),
	'every point of the only collection');
like(index_of('"my docs"'), qr/USING ivf \(embedding\)/, 'an index of its distance, which is the default one');
like($out, qr/embedding\s+l2\s+20\s+1\.000\s+\d/, "the store's exact answers are ours");
unlike("$out$err", qr/secret/, 'the key is not in the output');
is(rows(q{SELECT count(*) FROM pg_namespace WHERE nspname = 'omendb_migrate'}), 0, 'nor are notes left');
rows('DROP TABLE "my docs"');
file('key', "secret-of-mine\n");
chmod 0644, "$scratch/key";
($code, $out, $err) = migrate('--from-qdrant', $url, '--key-file', "$scratch/key");
like($err, qr/can be read by others/, 'a key file that others may read: refused');
chmod 0600, "$scratch/key";
($code, $out, $err) = migrate('--from-qdrant', $url, '--key-file', "$scratch/key", '--collection', 'my docs', '--table', 'kept');
is($code, 0, 'with the key from a file') or diag $err;
($code, $out, $err) = migrate('--from-qdrant', 'http://example.invalid', '--key-file', "$scratch/key");
like($err, qr/in the clear/, 'no key goes over http to another machine');
($code, $out, $err) = migrate('--from-qdrant', 'http://me:secret@127.0.0.1');
like($err, qr/URL holds a password/, 'nor is one taken from the URL');
unlike($err, qr/secret/, 'which is not repeated');

# Busy once, then broken at a page, then all right again.
my $broken = "$scratch/broken";
file('broken', '');
$url = mock(\&StoreMock::qdrant, names => [ 'a', 'named' ], points => \@named, metrics => { image => 'cosine', text => 'ip', tokens => 'ip' },
	several => ['tokens'], dims => { image => 4, text => 5, tokens => 2 },
	trouble => sub { my ($path, $number) = @_;
		return [ 429, 'slow down' ] if $number == 4;
		return [ 500, "broken \x1b[2J" ] if $path =~ /scroll/ && $number >= 9 && -e $broken; return; });
($code, $out, $err) = migrate('--from-qdrant', $url);
like($err, qr/several collections: a, named\n.*--collection/, 'Qdrant: several collections are named');
($code, $out, $err) = migrate('--from-qdrant', $url, '--collection', 'c');
like($err, qr/no collection c there; there are a, named/, 'and one that there is not');
($code, $out, $err) = migrate('--from-qdrant', $url, '--collection', 'named');
is($code, 1, 'broken off at a page');
like($err, qr/answered 500: broken  \[2J/, 'with what the store said, made harmless');
$before = rows('SELECT count(*) FROM named');
ok($before > 0 && $before < 600, "$before points are there");
unlink $broken;
($code, $out, $err) = migrate('--from-qdrant', $url, '--collection', 'named');
is($code, 0, 'the same command goes on') or diag $err;
like($out, qr/^@{[600 - $before]} points copied by this run/, 'after the last page');
is(lines_in('named', 'image'), lines_of('image', @named), 'every point once, with one vector');
is(lines_in('named', 'text'), lines_of('text', @named), 'and the other');
is(index_of('named'), join("\n", map { "CREATE INDEX named_$_->[0]_idx ON public.named USING ivf ($_->[0] vector_$_->[1]_ops)" }
		[ 'image', 'cosine' ], [ 'text', 'ip' ]), 'each with its index');
is(rows("SELECT count(words), min(words::text), count(tokens), min(tokens::text) FROM named WHERE id IN ('1', '2')"),
	'1|{2:1,11:0.5}/1000000000|2|[[1, 2], [3, 0]]', 'sparse vectors are sparsevec, several in one JSON');

# Answers that are too long are asked for again in smaller pages.
{
	local $ENV{OMENDB_TEST_HTTP_BYTES} = 9000;
	$url = mock(\&StoreMock::qdrant, names => ['small'], points => \@of_uuid, metrics => { '' => 'cosine' }, dims => { '' => 4 });
	($code, $out, $err) = migrate('--from-qdrant', $url);
	is($code, 0, 'pages too long for the bound') or diag $err;
	is(rows('SELECT count(*) FROM small'), 600, 'come in smaller ones');
}
$url = mock(\&StoreMock::qdrant, names => ['x'], points => \@of_uuid, metrics => { '' => 'l2' }, dims => { '' => 4 },
	trouble => sub { return $_[0] =~ /scroll/ ? [ 200, '<html>' ] : undef });
($code, $out, $err) = migrate('--from-qdrant', $url);
like($err, qr/the answer is not JSON/, 'an answer that is no JSON: refused');
$url = mock(\&StoreMock::qdrant, names => ['x'], points => \@of_uuid, metrics => { '' => 'l2' }, dims => { '' => 4 },
	trouble => sub { return [ 302, '' ] });
($code, $out, $err) = migrate('--from-qdrant', $url);
like($err, qr/answered 302.*\n.*not followed/, 'redirections are not followed');
# A store that always says "go on here" would otherwise be read for ever.
$url = mock(\&StoreMock::qdrant, names => ['loop'], points => \@of_uuid, metrics => { '' => 'l2' }, dims => { '' => 4 },
	trouble => sub { return $_[0] =~ /scroll/ ? [ 200, '{"result":{"points":[],"next_page_offset":7}}' ] : undef });
($code, $out, $err) = migrate('--from-qdrant', $url);
like($err, qr/the next page is this same page/, 'a page that leads to itself: refused');

$url = mock(\&StoreMock::weaviate, names => ['Article'], points => \@of_uuid, metrics => { '' => 'cosine' });
($code, $out, $err) = migrate('--from-weaviate', $url);
is($code, 0, 'Weaviate: a class') or diag $err;
is(rows('SELECT count(*), count(embedding), count(DISTINCT id) FROM article'), '600|600|600', 'every object');
like($out, qr/embedding\s+cosine\s+20\s+1\.000/, 'and the same answers');
$url = mock(\&StoreMock::weaviate, names => ['Tenanted'], tenant => 'acme', metrics => { title => 'l2', body => 'ip' },
	points => [ map { +{ %$_, vectors => { title => $_->{vectors}{''}, body => [ @{ $_->{vectors}{''} }, 2 ] } } } @of_uuid ]);
($code, $out, $err) = migrate('--from-weaviate', $url);
like($err, qr/has tenants.*\n.*\?tenant=NAME/, 'a class with tenants wants one named');
($code, $out, $err) = migrate('--from-weaviate', "$url?tenant=acme");
is($code, 0, 'one tenant, vectors by name') or diag $err;
is(index_of('tenanted'), join("\n", map { "CREATE INDEX tenanted_$_->[0]_idx ON public.tenanted USING ivf ($_->[1])" }
		[ 'body', 'body vector_ip_ops' ], [ 'title', 'title' ]), 'with their indexes');
like($out, qr/body\s+ip\s+20\s+1\.000.*\n.*title\s+l2\s+20\s+1\.000/, 'and the same answers by each');

$url = mock(\&StoreMock::chroma, names => [ 'library', 'other' ], points => \@points, metrics => { '' => 'ip' });
($code, $out, $err) = migrate('--from-chroma', $url, '--collection', 'library');
is($code, 0, 'Chroma: a collection') or diag $err;
is(lines_in('library', 'embedding'), lines_of('embedding', @points), 'every record');
is(rows('SELECT count(document) FROM library'), 400, 'with its documents');
like(index_of('library'), qr/vector_ip_ops/, 'and the distance of its configuration');

# What the comparison is for: one that finds nothing finds nothing wrong either.
rows(q{CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS
	$$BEGIN NEW.embedding := NEW.embedding * '[1,1,1,2]'::vector; NEW.metadata := NEW.metadata || '{"n": 0}'; RETURN NEW; END$$;
	CREATE FUNCTION spoiler() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN
	IF to_regclass('spoiled') IS NOT NULL THEN
		CREATE OR REPLACE TRIGGER spoil BEFORE INSERT ON spoiled FOR EACH ROW WHEN (NEW.id = 'p0003') EXECUTE FUNCTION spoil(); END IF; END$$;
	CREATE EVENT TRIGGER spoiler ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION spoiler()});
($code, $out, $err) = migrate('--from-pinecone', file('spoiled.jsonl', $lines), '--samples', '600');
is($code, 1, 'one row of 600 changed on its way');
like($out, qr/600\s+600\s+DIFFERENT\s+599 of 600/, 'is found by checksum and by metadata');

done_testing();
