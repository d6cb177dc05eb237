# import.t - goal: `omendb import` puts into a table exactly what psql's \copy
# and plain INSERTs put there, for every type and format; what it cannot import
# it refuses by file, line and reason, and then the table is as it was.
#
# Random rows come from a printed seed; OMENDB_TEST_SEED sets it.
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use IPC::Run ();
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

my $seed = $ENV{OMENDB_TEST_SEED} // time % 1000000;
srand(int $seed);
note "seed " . int $seed;

my $folder = PostgreSQL::Test::Utils::tempdir();
my $node = PostgreSQL::Test::Cluster->new('import');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION vector');
my $database = $node->connstr('postgres');

# Runs the import; returns exit code, standard output and standard error.
sub import
{
	my ($input, @arguments) = ref $_[0] ? @_ : (\'', @_);
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'omendb', 'import', '--database', $database, @arguments ], '<', $input, '>', \$out, '2>', \$err);
	return ($? >> 8, $out, $err);
}

sub file
{
	my ($name, $content) = @_;
	open my $out, '>:raw', "$folder/$name" or die "$name: $!";
	print $out $content;
	close $out;
	return "$folder/$name";
}

sub sql { return $node->safe_psql('postgres', $_[0]); }

# The import works and says so.
sub imports_ok
{
	my ($name, $rows, @arguments) = @_;
	my ($code, $out, $err) = import(@arguments);
	is($code, 0, "$name: exit code") or diag $err;
	like($out, qr/^\Q$rows\E rows? into .* rows\/s/, "$name: says $rows rows");
	return $err;
}

# The import fails, names the reason, and the table keeps its rows.
sub refuses_ok
{
	my ($name, $table, $reason, @arguments) = @_;
	my $before = sql("SELECT count(*) FROM $table");
	my ($code, $out, $err) = import(@arguments);
	is($code, 1, "$name: exit code");
	like($err, $reason, "$name: reason");
	is(sql("SELECT count(*) FROM $table"), $before, "$name: nothing was imported");
}

sub pick { return $_[ int rand @_ ]; }

sub number { return sprintf '%.9g', (rand(2) - 1) * 10**int(rand(9) - 4); }

sub numbers { return join(',', map { number() } 1 .. $_[0]); }

sub word
{
	my @pieces = ('a', 'Z', ' ', ',', '"', "'", '\\', "\n", "\t", 'é', '😀', '{', '}', '\\N', '0');
	return join('', map { pick(@pieces) } 1 .. int rand 12);
}

# ---- the same rows through CSV, JSON Lines and \copy ----

# name, type, how JSON Lines has it ('raw', 'string' or 'array'), generator
my @columns = (
	[ 'v', 'vector(3)', 'array', sub { '[' . numbers(3) . ']' } ],
	[ 'h', 'halfvec(3)', 'array', sub { '[' . numbers(3) . ']' } ],
	[ 's', 'sparsevec(9)', 'string', sub { '{' . join(',', map { "$_:" . number() } grep { rand > .5 } 1 .. 9) . '}/9' } ],
	[ 'r', 'real[]', 'list', sub { '{' . numbers(int rand 4) . '}' } ],
	[ 'b', 'boolean', 'raw', sub { pick('true', 'false') } ],
	[ 'i2', 'smallint', 'raw', sub { int(rand 65536) - 32768 } ],
	[ 'i4', 'integer', 'raw', sub { int(rand 4294967296) - 2147483648 } ],
	[ 'i8', 'bigint', 'raw', sub { pick('-9223372036854775808', '9223372036854775807', int rand 1e15) } ],
	[ 'f4', 'real', 'raw', \&number ],
	[ 'f8', 'double precision', 'raw', sub { sprintf '%.17g', rand() * 10**int(rand(600) - 300) } ],
	[ 't', 'text', 'string', \&word ],
	[ 'c', 'varchar(24)', 'string', \&word ],
	[ 'u', 'uuid', 'string', sub { join('-', map { my $n = $_; join '', map { sprintf '%x', rand 16 } 1 .. $n } 8, 4, 4, 4, 12) } ],
	[ 'y', 'bytea', 'string', sub { '\\x' . join '', map { sprintf '%02x', rand 256 } 1 .. int rand 9 } ],
	[ 'j', 'json', 'raw', \&json ],
	[ 'jb', 'jsonb', 'raw', \&json ],
	[ 'e', 'mood', 'string', sub { pick('sad', q(it's ok)) } ],
	[ 'd', 'positive', 'raw', sub { 1 + int rand 100 } ],
);
my @text_columns = (
	[ 'n', 'numeric(40,3)', 'raw', sub { join('', map { int rand 10 } 1 .. 30) =~ s/^0+/1/r . '.125' } ],
	[ 'z', 'timestamptz', 'string', sub { sprintf '20%02d-0%d-1%d 0%d:30:00+0%d', 10 + rand 80, 1 + rand 9, rand 9, rand 9, rand 9 } ],
	[ 'a', 'text[]', 'strings', sub { '{' . join(',', map { qq("$_") } map { s/([\\"])/\\$1/gr } map { word() } 1 .. int rand 4) . '}' } ],
);
sub json
{
	my $json = JSON::PP->new->allow_nonref->canonical;
	return pick('{}', '[1, 2.50, {"x" : null}]', '"\\u00e9\\n"', '12345678901234567890.10', 'true',
		'{"k": "a\\"b,c", "l": [[], {"m": 1e3}]}');
}

sub csv_field
{
	my ($text) = @_;
	return '' unless defined $text;
	return $text if $text ne '' && $text !~ /[",\n\r]/ && rand > .5;
	return '"' . $text =~ s/"/""/gr . '"';
}

sub json_string { return '"' . $_[0] =~ s/(["\\])/\\$1/gr =~ s/\n/\\n/gr =~ s/\t/\\t/gr . '"'; }

sub json_field
{
	my ($how, $text) = @_;
	return 'null' unless defined $text;
	return $text if $how eq 'raw' || $how eq 'array';
	return json_string($text) if $how eq 'string';
	my $list = $text =~ s/^\{(.*)\}$/$1/sr;
	return "[$list]" if $how eq 'list';
	my @elements = $list =~ /"((?:[^"\\]|\\.)*)"/gs;
	return '[' . join(', ', map { json_string(s/\\(.)/$1/gsr) } @elements) . ']';
}

sub round_trip
{
	my ($name, $rows, @cols) = @_;
	my $names = join(', ', map { $_->[0] } @cols);
	my $types = join(', ', map { "$_->[0] $_->[1]" } @cols);
	my ($csv, $jsonl) = (join(',', 'id', map { $_->[0] } @cols) . "\n", '');

	foreach my $id (1 .. $rows)
	{
		my @values = map { rand > .9 ? undef : $_->[3]->() } @cols;
		$csv .= join(',', $id, map { csv_field($_) } @values) . "\n";
		my @members = map { json_string($cols[$_][0]) . pick(':', ' : ') . json_field($cols[$_][2], $values[$_]) }
		  grep { defined $values[$_] || rand > .5 } 0 .. $#cols;
		@members = reverse @members if rand > .9;
		$jsonl .= '{' . join(pick(',', ', '), "\"id\":$id", @members) . "}\n";
	}
	# The first record names every column, since a NULL may be left out.
	$jsonl = '{"id":0,' . join(',', map { "\"$_->[0]\":null" } @cols) . "}\n" . $jsonl;
	my $csv_file = file("$name.csv", $csv);
	my $jsonl_file = file("$name.jsonl", $jsonl);

	sql("CREATE TABLE $_ (id int, $types)") foreach "${name}_copy", "${name}_csv", "${name}_jsonl";
	my ($code, $out, $err) = $node->psql('postgres', "\\copy ${name}_copy from '$csv_file' csv header");
	is($code, 0, "$name: \\copy") or diag $err;
	my $csv_note = imports_ok("$name csv", $rows, "${name}_csv", $csv_file);
	my $jsonl_note = imports_ok("$name jsonl", $rows + 1, "${name}_jsonl", $jsonl_file);
	sql("DELETE FROM ${name}_jsonl WHERE id = 0");
	foreach my $kind ('csv', 'jsonl')
	{
		# json has no equality; its text must be the same to the letter.
		my $rows_of = sub { "SELECT id, " . join(', ', map { $_->[1] eq 'json' ? "$_->[0]::text" : $_->[0] } @cols) . " FROM ${name}_$_[0]" };
		my ($one, $other) = ($rows_of->($kind), $rows_of->('copy'));
		is(sql("SELECT count(*) FROM (($one EXCEPT ALL $other) UNION ALL ($other EXCEPT ALL $one)) AS x"), 0,
			"$name $kind: as \\copy has it");
		is(sql("SELECT count(*) FROM ${name}_$kind"), $rows, "$name $kind: $rows rows");
	}
	return ($csv_note, $jsonl_note);
}

sql("CREATE TYPE mood AS ENUM ('sad', 'it''s ok'); CREATE DOMAIN positive AS int CHECK (value > 0)");
my @notes = round_trip('binary', 400, @columns);
is($notes[0] . $notes[1], '', 'every column has a binary form');
@notes = round_trip('text', 400, @columns, @text_columns);
like($_, qr/note: sent as text.*n \(numeric\(40,3\)\), z \(timestamp with time zone\), a \(text\[\]\)$/, 'says why it goes as text')
  foreach @notes;

# ---- rows that are refused, by line ----

sql('CREATE TABLE items (id int NOT NULL, title varchar(5), embedding vector(3))');
sql("INSERT INTO items VALUES (0, 'old', '[0,0,0]')");
my @bad_csv = (
	[ "1,a", '2 columns where 3 are expected' ],
	[ "x,a,\"[1,2,3]\"", 'column "id": not a whole number: "x"' ],
	[ "2147483648,a,\"[1,2,3]\"", 'column "id": 2147483648 is out of range for type integer' ],
	[ ",a,\"[1,2,3]\"", 'column "id": no value, but the column is NOT NULL' ],
	[ "1,abcdef,\"[1,2,3]\"", 'column "title": a value of 6 characters is too long for type character varying(5)' ],
	[ "1,a,\"[1,2]\"", 'column "embedding": expected 3 dimensions, not 2' ],
	[ "1,a,\"[1,2,x]\"", 'column "embedding": element 3 is not a number: "x"' ],
	[ "1,a,\"[1,2,nan]\"", 'column "embedding": element 3 is NaN, which a vector cannot hold' ],
	[ "1,a,\"[1,2,1e99]\"", 'column "embedding": element 3 is too large for a float: 1e99' ],
	[ "1,\xFF,\"[1,2,3]\"", 'not valid UTF-8: byte 0xff at position 3 of the record' ],
	[ "1,a\0,\"[1,2,3]\"", 'a zero byte, which text cannot hold' ],
	[ "1,a\"b,\"[1,2,3]\"", 'a quote inside a field that does not start with one' ],
);
my $good = "id,title,embedding\n1,\"a\nb\",\"[1,2,3]\"\n";
foreach my $case (@bad_csv)
{
	my $path = file('bad.csv', "$good$case->[0]\n9,z,\"[1,2,3]\"\n");
	refuses_ok("csv $case->[1]", 'items', qr/^omendb: \Q$path:4: $case->[1]\E/m, 'items', $path);
}
my $path = file('bad.csv', "${good}1,\"never ends\n9,z,\n");
refuses_ok('csv without end', 'items', qr/\Q$path:4: a quoted field that starts in this record never ends/,
	'--skip-bad', 9, 'items', $path);
$path = file('bad.csv', "id,titel\n1,a\n");
refuses_ok('csv unknown column', 'items',
	qr/items has no column "titel" that can be filled; its columns are id, title, embedding/, 'items', $path);

my @bad_jsonl = (
	[ '{"id":1,"title":"a"', 'not JSON: the object does not end on its line (at character 20)' ],
	[ '{"id":1.5}', 'column "id": not a whole number: "1.5"' ],
	[ '{"id":1,"embedding":[1,2]}', 'column "embedding": expected 3 dimensions, not 2' ],
	[ '{"id":1,"embedding":[1,2,null]}', 'column "embedding": element 3 is not a number: "null"' ],
	[ '{"id":1,"embedding":[1,2,NaN]}', 'not JSON: no JSON value (at character 26)' ],
	[ '{"id":1,"title":"\u0000"}', 'column "title": \u0000, which PostgreSQL cannot store' ],
	[ '{"id":1,"id":2}', 'the key "id" comes twice' ],
	[ '[1]', 'not JSON: each line must be one JSON object' ],
);
foreach my $case (@bad_jsonl)
{
	$path = file('bad.jsonl', qq({"id":1,"title":"a","embedding":[1,2,3]}\n\n$case->[0]\n{"id":2}\n));
	refuses_ok("jsonl $case->[1]", 'items', qr/^omendb: \Q$path:3: $case->[1]\E/m, 'items', $path);
}

# ---- rows left out ----

$path = file('some.csv', "id,title,embedding\nx,,\n1,a,\ny,,\n2,b,\n3\n");
refuses_ok('one bad row too many', 'items', qr/\Q$path:6: 1 column where 3/, '--skip-bad', 2, 'items', $path);
my ($code, $out, $err) = import('--skip-bad', 3, 'items', $path);
is($code, 0, 'three bad rows allowed');
like($out, qr/^2 rows into items in .*; 3 bad rows left out$/, 'says how many were left out');
is($err, join('', map { "$path:$_\n" } '2: column "id": not a whole number: "x"',
	'4: column "id": not a whole number: "y"', '6: 1 column where 3 are expected'), 'each is reported');
is(sql('SELECT string_agg(id::text, \',\' ORDER BY id) FROM items'), '0,1,2', 'the good rows are there');
import('--skip-bad', 3, '--bad-rows', "$folder/report", 'items', $path);
is(slurp_file("$folder/report"), $err, '--bad-rows takes the report');

$path = file('escape.csv', "id,title,embedding\n\e[31mx,,\n" . 'é' x 30 . ",,\n");
refuses_ok('control characters', 'items', qr/\Q$path:2: column "id": not a whole number: " [31mx"/, 'items', $path);
($code, $out, $err) = import('--skip-bad', 2, 'items', $path);
unlike($err, qr/[\e\x80-\xff]\n|\e/, 'nothing drives the terminal');
ok(utf8::decode(my $copy = $err), 'what is shown of a long value is UTF-8');

# ---- what only the server finds ----

sql('CREATE TABLE keyed (id int PRIMARY KEY, n numeric CHECK (n < 100))');
$path = file('dup.csv', "id,n\n1,1\n\"2\",\"\n2\n\"\n1,3\n");
refuses_ok('duplicate key', 'keyed', qr/\Q$path:6: duplicate key value violates unique constraint "keyed_pkey"/, 'keyed', $path);
$path = file('check.csv', "id,n\nx,1\n1,1\n2,100\n");
refuses_ok('check', 'keyed', qr/\Q$path:4: new row for relation "keyed" violates check/, '--skip-bad', 1, 'keyed', $path);
$path = file('numeric.csv', "id,n\n1,1\n2,many\n3,3\n");
refuses_ok('numeric', 'keyed', qr/\Q$path:3: invalid input syntax for type numeric: "many"/, 'keyed', $path);

# ---- files of vectors ----

sub fvecs { return join('', map { pack('l<f<*', scalar @$_, @$_) } @_); }

sub npy
{
	my ($version, $descr, $pack, @rows) = @_;
	my $header = sprintf "{'descr': '%s', 'fortran_order': False, 'shape': (%d, %d), }\n", $descr, scalar @rows, scalar @{ $rows[0] };
	return "\x93NUMPY" . pack($version == 1 ? 'CCS<' : 'CCL<', $version, 0, length $header) . $header
	  . join('', map { pack "$pack*", @$_ } @rows);
}

my @rows = ([ 1, 2.5, -3 ], [ 0, 0.125, 7 ]);
my %vector_files = (
	'a.fvecs' => fvecs(@rows), 'f4.npy' => npy(1, '<f4', 'f<', @rows), 'f8.npy' => npy(2, '<f8', 'd<', @rows),
	'f2.npy' => npy(3, '<f2', 'S<', [ 0x3c00, 0x4100, 0xc200 ], [ 0, 0x3000, 0x4700 ]),
);
sql('CREATE TABLE typed (n bigint, h halfvec(3), r real[])');
foreach my $name (sort keys %vector_files)
{
	(my $table = "made_$name") =~ s/\W/_/;
	$path = file($name, $vector_files{$name});
	imports_ok("create from $name", 2, '--create', $table, $path);
	is(sql("SELECT string_agg(id || ' ' || embedding, ';' ORDER BY id) FROM $table"), '1 [1,2.5,-3];2 [0,0.125,7]', "$name: values");
	imports_ok("$name into halfvec", 2, '--id-column', 'n', 'typed', $path);
	imports_ok("$name into real[]", 2, '--column', 'r', 'typed', $path);
}
is(sql("SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'made_a_fvecs'::regclass AND attname = 'embedding'"),
	'vector(3)', 'the dimension is the file\'s');
is(sql('SELECT count(*), count(DISTINCT h) FROM typed WHERE h IS NOT NULL AND n IN (1, 2)'), '8|2', 'halfvec and row numbers');
is(sql("SELECT count(*) FROM typed WHERE r IN ('{1,2.5,-3}', '{0,0.125,7}')"), '8', 'real[]');

$path = file('cut.fvecs', substr($vector_files{'a.fvecs'}, 0, -1));
refuses_ok('cut .fvecs', 'items', qr/\Q$path: row 2: the file ends inside this row: 15 of its 16 bytes/, 'items', $path);
$path = file('dim.fvecs', fvecs([ 1, 2, 3 ], [ 1, 2 ], [ 4, 5, 6 ]));
refuses_ok('.fvecs dimension', 'made_a_fvecs', qr/\Q$path: row 2: column "embedding": expected 3 dimensions, not 2/, 'made_a_fvecs', $path);
imports_ok('.fvecs --skip-bad', 2, '--skip-bad', 1, 'made_a_fvecs', $path);
$path = file('nan.fvecs', fvecs([ 1, 2, 3 ]) . pack('l<f<*', 3, 1, 'nan', 'inf'));
refuses_ok('.fvecs NaN', 'made_a_fvecs', qr/\Q$path: row 2: column "embedding": element 2 is NaN/, 'made_a_fvecs', $path);
$path = file('huge.fvecs', pack('l<l<', 3, 0) . "\xff" x 64);
refuses_ok('.fvecs huge', 'made_a_fvecs', qr/\Q$path: row \E\d+: (?:column|a dimension of -1)/, 'made_a_fvecs', $path);
$path = file('cut.npy', substr($vector_files{'f4.npy'}, 0, -1));
refuses_ok('cut .npy', 'made_f4_npy', qr/the header promises 2 rows of 3 dimensions, 24 bytes, but 23 follow it/, 'made_f4_npy', $path);
my $cut = substr($vector_files{'f4.npy'}, 0, -1);
($code, $out, $err) = import(\$cut, '--format', 'npy', 'made_f4_npy', '-');
like($err, qr/standard input: row 2: the file ends inside this row/, 'cut .npy through a pipe');
is($code, 1, 'cut .npy through a pipe: exit code');
sql('CREATE TABLE two (a vector(3), b vector(3))');
refuses_ok('which column', 'two', qr/more than one vector column.*--column/s, 'two', "$folder/a.fvecs");
refuses_ok('wrong column', 'keyed', qr/has no vector column; its columns are id, n/, 'keyed', "$folder/a.fvecs");

# ---- tables made ----

$path = file('make.jsonl', join("\n", '{"Title":"x","n":1,"e":[1,2],"tags":["a"],"ok":true,"big":1}',
	'{"n":1.5,"e":[3,4],"big":123456789012345678901234567890}') . "\n");
($code, $out, $err) = import('made', $path);
is($code, 1, 'no table: exit code');
like($err, qr/there is no table made\n.*--create/s, 'no table: --create is named');
($code, $out, $err) = import('--create', 'made', file('empty.jsonl', ''));
like($err, qr/the file is empty/, 'an empty file of JSON Lines says so');
$err = imports_ok('create from jsonl', 2, '--create', 'made', $path);
like($err, qr/^omendb: note: CREATE TABLE "made" \(id .*"e" vector\(2\), "tags" jsonb/m, 'the table made is shown');
is(sql("SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute "
	  . "WHERE attrelid = 'made'::regclass AND attnum > 0"),
	'id bigint, Title text, n double precision, e vector(2), tags jsonb, ok boolean, big numeric', 'types from the first records');
is(sql('SELECT big FROM made ORDER BY id DESC LIMIT 1'), '123456789012345678901234567890', 'no digit is lost');
imports_ok('create leaves a table alone', 2, '--create', 'made', $path);
$path = file('undo.csv', "id,v\n1,2\nx\n");
($code) = import('--create', 'undone', $path);
is(sql("SELECT to_regclass('undone') IS NULL"), 't', 'a failed import takes its table back');

# ---- names, columns, delimiters, standard input ----

$path = file('driving.csv', "id,\"a\e[31mb\"\n1,2\n");
$err = imports_ok('a name with control characters', 1, '--create', 'driven', $path);
unlike($err, qr/\e/, '... drives no terminal');

my $odd = '"My ""Schema"."we; ""ird"';
sql('CREATE SCHEMA "My ""Schema"');
$path = file('odd.csv', "\"a\"\"; b\",\"select\"\n1,2\n");
imports_ok('odd names made', 1, '--create', $odd, $path);
imports_ok('odd names', 1, $odd, $path);
is(sql("SELECT sum(\"a\"\"; b\" + \"select\") FROM $odd"), '6', 'odd names: values');
($code, $out, $err) = import('items; DROP TABLE items', $path);
is($code, 1, 'no SQL gets in by the table\'s name');
is(sql("SELECT to_regclass('items') IS NOT NULL"), 't', 'items is still there');

sql('CREATE TABLE plain (a int, b text, c text DEFAULT \'def\')');
imports_ok('columns by hand', 2, \"1|x|NIL\n2|y|\n", '--format', 'csv', '--no-header', '--columns', 'a,-,b',
	'--delimiter', '|', '--null', 'NIL', 'plain', '-');
is(sql("SELECT string_agg(format('%s/%s/%s', a, coalesce(b, 'NULL'), c), ' ' ORDER BY a) FROM plain"), '1/NULL/def 2//def', 'columns by hand: values');
imports_ok('header overridden', 1, \"x\ty\tz\n3\t4\t5\n", '--format', 'csv', '--columns', 'a,b,c', '--delimiter', '\t', 'plain', '-');
imports_ok('some keys', 1, \"{\"a\":4,\"unknown\":1,\"b\":\"k\"}\n", '--format', 'jsonl', '--columns', 'a,b', 'plain', '-');
is(sql('SELECT b || c FROM plain WHERE a = 4'), 'kdef', 'keys not named are passed over');
imports_ok('empty csv', 0, \"a,b\n", '--format', 'csv', 'plain', '-');
my $long = 'x' x 200000;
$path = file('long.csv', "a,b\n1,y\n2,$long\n");
($code, $out, $err) = import('--max-record', '100k', 'plain', $path);
like($err, qr/\Q$path:3:\E a record longer than the limit of 102400 bytes\n.*--max-record/s, 'a record past the limit');

foreach my $wrong ([], ['plain'], [ 'plain', '-' ], [ 'plain', 'x.parquet' ], [ '--format', 'xml', 'plain', '-' ],
	[ '--skip-bad', 'many', 'plain', 'x.csv' ], [ '--column', 'c', 'plain', 'x.csv' ], [ '--no-header', 'plain', 'x.csv' ],
	[ '--delimiter', '""', 'plain', 'x.csv' ], [ '--null', 'x', 'plain', 'x.npy' ], [ '--frob', 'plain', 'x.csv' ])
{
	($code, $out, $err) = import(@$wrong);
	is($code, 2, "usage: @$wrong") or diag $err;
	like($err, qr/^omendb import: /, "usage: @$wrong says so");
}
($code, $out, $err) = import('plain', "$folder/none.csv");
is($code, 1, 'no such file: exit code');
like($err, qr/cannot open \Q$folder\E\/none.csv: No such file or directory/, 'no such file');

# ---- interrupted ----

# In the middle of its input, and while it waits behind somebody's lock.
foreach my $where ('reading', 'waiting')
{
	my ($output, $errors) = ('', '');
	my $before = sql('SELECT count(*) FROM plain');
	my $locker = $node->background_psql('postgres');
	$locker->query_safe('BEGIN; LOCK TABLE plain') if $where eq 'waiting';
	# Input that does not end soon; exec, so that the signal goes to omendb itself.
	my $feed = file('feed.csv', "a,b\n" . "1,x\n" x 50000);
	my $command = 'exec omendb import --database "$0" --format csv plain - < <(exec 2>/dev/null; cat "$1"; exec sleep 15)';
	my $run = IPC::Run::start([ 'bash', '-c', $command, $database, $feed ], '<', '/dev/null', '>', \$output, '2>', \$errors);
	my $state = $where eq 'reading' ? 'wait_event_type IS DISTINCT FROM \'Lock\'' : 'wait_event_type = \'Lock\'';
	ok($node->poll_query_until('postgres',
			"SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'COPY \"public\".\"plain\"%' AND $state"),
		"$where: the import has begun");
	my $began = time;
	$run->signal('INT');
	$run->finish;
	cmp_ok(time - $began, '<', 10, "$where: Ctrl-C ends it at once");
	is($run->result(0), 1, "$where: exit code");
	like($errors, qr/interrupted; nothing was imported/, "$where: says so");
	$locker->query_safe('ROLLBACK') if $where eq 'waiting';
	$locker->quit;
	is(sql('SELECT count(*) FROM plain'), $before, "$where: nothing was imported");
}

$node->stop;
done_testing();
