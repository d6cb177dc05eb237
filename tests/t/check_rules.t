#!/usr/bin/perl
#
# check_rules.t - check-layers and check-format must be able to fail.
#
# Each rule is planted alone into a small clean tree, and must be found where
# it was planted and for its own reason; the clean tree must pass.
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Test::More;

my $tools = ($ENV{OMENDB_TEST_SOURCE} // dirname(__FILE__) . '/../..') . '/tools';
my $head = "/*\n * a file\n *\n * SPDX-License-Identifier: Apache-2.0\n */\n";
my %clean = (
	'core/include/omen/status.h' => "$head#include <stdint.h>\n",
	'core/include/omen/simd.h' => "$head#include \"omen/status.h\"\n",
	'core/include/omen/codec.h' => $head,
	'core/include/omen/graph.h' => $head,
	'core/base/status.c' => "$head#include \"omen/status.h\"\n",
	'core/simd/simd_select.c' => "$head#include \"omen/simd.h\"\n",
	'core/codec/codec.c' => "$head#include \"omen/simd.h\"\n",
	'core/graph/graph.c' => "$head#include \"omen/simd.h\"\n",
	'core/index/ivf.c' => "$head#include \"omen/codec.h\"\n#include \"omen/graph.h\"\n",
	'pg/module.c' => "$head#include \"postgres.h\"\n#include \"omen/simd.h\"\n",
	'pg/module.h' => $head,
	'server/serve.h' => $head,
	'server/rest/route.h' => $head,
	'server/grpc/call.h' => $head,
	'server/api/library.h' => $head,
	'server/rest/route.c' => "$head#include \"library.h\"\n#include <libpq-fe.h>\n",
	'bench/row_source.h' => $head,
	'cli/main.c' => "$head#include \"serve.h\"\n",
	'Makefile' => "# SPDX-License-Identifier: Apache-2.0\n",
);

sub tree
{
	my (%planted) = @_;
	my $dir = tempdir(CLEANUP => 1);
	my %files = (%clean, %planted);

	foreach my $path (keys %files)
	{
		make_path("$dir/" . dirname($path));
		open my $out, '>', "$dir/$path" or die "$path: $!";
		print $out $files{$path};
		close $out;
	}
	return $dir;
}

sub run_check
{
	my ($program, $dir) = @_;
	my $text = qx($^X '$tools/$program' '$dir' 2>&1);
	return ($? >> 8, $text);
}

sub must_find
{
	my ($program, $path, $text, $sentence, $name) = @_;
	my ($status, $said) = run_check($program, tree($path => $text));
	my @found = split /\n/, $said;
	ok($status == 1 && @found >= 1 && !(grep { !/^\Q$path\E:\d+: / } @found) && $said =~ $sentence, $name)
	  or diag("status $status, said:\n$said");
}

foreach my $program ('check_layers', 'check_format')
{
	my ($status, $said) = run_check($program, tree());
	is("$status $said", '0 ', "$program passes a clean tree");
}

# path, include, what is said
foreach my $case (
	[ 'core/base/a.c', '"omen/simd.h"', qr/core\/base may include only itself/ ],
	[ 'core/simd/a.c', '"omen/codec.h"', qr/core\/simd may include only base, vec/ ],
	[ 'core/codec/a.c', '"omen/graph.h"', qr/core\/codec may include only base, vec, simd/ ],
	[ 'core/graph/a.c', '"omen/codec.h"', qr/core\/graph may include only/ ],
	[ 'core/partition/a.c', '<omen/codec.h>', qr/core\/partition may include only/ ],
	[ 'core/strange/a.c', '"omen/status.h"', qr/core\/strange has no place/ ],
	[ 'core/index/a.c', '"postgres.h"', qr/core knows no PostgreSQL/ ],
	[ 'core/index/a.c', '<libpq-fe.h>', qr/core knows no PostgreSQL/ ],
	[ 'core/index/a.c', '<sys/socket.h>', qr/core knows no sockets/ ],
	[ 'core/index/a.c', '<pthread.h>', qr/core knows no threads/ ],
	[ 'core/index/a.c', '"module.h"', qr/core stands alone/ ],
	[ 'pg/a.c', '"serve.h"', qr/pg stands on core alone/ ],
	[ 'pg/a.c', '<pthread.h>', qr/one thread/ ],
	[ 'server/a.c', '"../pg/module.h"', qr/never reach into pg/ ],
	[ 'server/a.c', '"postgres.h"', qr/through libpq/ ],
	[ 'cli/a.c', '"module.h"', qr/never reach into pg/ ],
	[ 'server/a.c', '"row_source.h"', qr/nobody needs bench/ ],
	[ 'bench/a.c', '"module.h"', qr/bench stands on core and server/ ],
	[ 'server/rest/a.c', '"call.h"', qr/meet only in api/ ],
	[ 'server/grpc/a.c', '"rest/route.h"', qr/meet only in api/ ],
	[ 'server/api/a.c', '"route.h"', qr/api knows no transport/ ])
{
	my ($path, $include, $sentence) = @$case;
	must_find('check_layers', $path, "$head#include $include\n", $sentence, "$path may not include $include");
}
must_find('check_layers', 'core/base/a.c', "$head\tprintf(\"x\");\n", qr/never prints/, 'core may not print');
must_find('check_layers', 'core/base/a.c', "$head\texit(1);\n", qr/never prints, exits/, 'core may not exit');
must_find('check_layers', 'server/status.c', $head, qr/another file is called status\.c/,
	'file names are unique');
must_find('check_layers', 'core/base/utils.c', $head, qr/names no idea/, 'no utils');

foreach my $case (
	[ "$head\tint a; \n", qr/trailing space/ ],
	[ "$head\tint a;\r\n", qr/carriage return/ ],
	[ "${head}int a;", qr/no newline at the end/ ],
	[ "${head}int a;\n\n", qr/empty line at the end/ ],
	[ "int a;\n$head", qr/does not open with a comment/ ],
	[ "/* nothing */\nint a;\n", qr/no SPDX/ ],
	[ "$head    int a;\n", qr/indented by spaces/ ],
	[ "$head  \tint a;\n", qr/space before a tab/ ],
	[ $head . "\t" . 'a' x 120 . ";\n", qr/125 columns/ ],
	[ $head . "int a;\n" x 700, qr/more than 700 lines/ ],
	[ "${head}int\nf(void)\n{\n\tif (a) {\n\t}\n}\n", qr/opening brace/ ],
	[ "${head}int\nf(void)\n{\n\t}\n\telse {\n}\n", qr/opening brace/ ],
	[ "${head}int\nf(void)\n{\n\tif (a)\n\t{\n\t} else\n\t\tb();\n}\n", qr/closing brace/ ],
	[ "${head}int\nf(void)\n{\n\tif(a)\n\t\tb();\n}\n", qr/no space after if/ ],
	[ "${head}int f(void)\n{\n}\n", qr/return type/ ],
	[ "${head}int a;\t// why\n", qr{// comment} ])
{
	my ($text, $sentence) = @$case;
	must_find('check_format', 'core/base/a.c', $text, $sentence, "check_format finds $sentence");
}
must_find('check_format', 'tools/a.sh', "#!/bin/bash\n", qr/no SPDX/, 'a script carries its licence');

# What only looks like a breach.
my ($status, $said) = run_check('check_format', tree('core/base/a.c' => $head
	  . "/*\n * if(a) { in a comment, http://example.org\n */\nstatic __attribute__((noinline)) int\n"
	  . "f(int a)\n{\n\tchar *s = \"if(a) // {\";\n\n\treturn (Pair) {\n\t\t1, 2\n\t};\n}\n"));
is("$status $said", '0 ', 'comments, strings and compound literals are no breach');

done_testing();
