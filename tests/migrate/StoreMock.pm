# StoreMock.pm - the parts of Qdrant's, Weaviate's and Chroma's APIs that migrate
# asks, over points in memory, as those APIs are documented.  One thing at a time:
# each connection is answered once and closed.
#
# SPDX-License-Identifier: Apache-2.0
package StoreMock;
use strict;
use warnings;
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();

my $json = JSON::PP->new->canonical->utf8->allow_nonref;

# Starts it: points is a list of {id, metadata, document, vectors => {name => value}};
# log a file that gets a line "METHOD path | headers | body" for each question;
# trouble a function that is given path and the number of the question and may
# return [status, body] to be answered instead.  Returns port and pid.
sub start
{
	my (%mock) = @_;
	my $socket = IO::Socket::INET->new(Listen => 16, LocalAddr => '127.0.0.1', ReuseAddr => 1) or die $!;
	my $pid = fork // die $!;
	return ($socket->sockport, $pid) if $pid;
	$SIG{$_} = 'DEFAULT' foreach qw(INT TERM);
	$SIG{PIPE} = 'IGNORE';
	my $number = 0;
	while (my $client = $socket->accept)
	{
		# Dying here would run the END blocks of the test, which stop its server.
		eval { answer(\%mock, $client, ++$number); 1 } or print STDERR "mock: $@";
		close $client;
	}
	POSIX::_exit(0);
}

sub answer
{
	my ($mock, $client, $number) = @_;
	my ($method, $target) = (<$client> // '') =~ /^(\w+) (\S+) HTTP/ or return;
	my %headers;
	while (defined(my $line = <$client>))
	{
		last if $line =~ /^\r?\n/;
		$headers{lc $1} = $2 if $line =~ /^([\w-]+):\s*(.*?)\r?\n/;
	}
	my $body = '';
	read $client, $body, $headers{'content-length'} if $headers{'content-length'};
	open my $log, '>>', $mock->{log} or die $!;
	print $log "$method $target | ", join(', ', map { "$_: $headers{$_}" } sort keys %headers), " | $body\n";
	close $log;

	my ($path, $query) = $target =~ /^([^?]*)\??(.*)$/;
	my %query = map { my ($k, $v) = split /=/, $_, 2; $v =~ s/%(..)/chr hex $1/ge; ($k => $v) } split /&/, $query;
	my $trouble = $mock->{trouble} && $mock->{trouble}->($path, $number);
	my ($status, $text);
	if ($trouble)
	{
		($status, $text) = @$trouble;
	}
	elsif ($mock->{key} && ($headers{ $mock->{key}[0] } // '') ne $mock->{key}[1])
	{
		($status, $text) = (401, 'Invalid API key');
	}
	else
	{
		my $result = $mock->{kind}->($mock, $method, $path, \%query, $body ne '' ? $json->decode($body) : undef);
		($status, $text) = $result ? (200, $json->encode($result)) : (404, '{"error":"no such thing"}');
	}
	print $client "HTTP/1.1 $status X\r\nContent-Type: application/json\r\nContent-Length: ", length $text,
		"\r\nConnection: close\r\n\r\n$text";
}

# The ids of the nearest by the metric "l2", "ip" or "cosine", exactly.
sub nearest
{
	my ($mock, $name, $query, $limit) = @_;
	my $metric = $mock->{metrics}{$name};
	my %far;
	foreach my $point (@{ $mock->{points} })
	{
		my $vector = $point->{vectors}{$name} or next;
		my ($dot, $l2, $na, $nb) = (0, 0, 0, 0);
		for my $i (0 .. $#$query)
		{
			$dot += $query->[$i] * $vector->[$i];
			$l2 += ($query->[$i] - $vector->[$i])**2;
			$na += $query->[$i]**2;
			$nb += $vector->[$i]**2;
		}
		$far{ $point->{id} } = $metric eq 'l2' ? $l2 : $metric eq 'ip' ? -$dot : -$dot / sqrt($na * $nb);
	}
	my @ids = sort { $far{$a} <=> $far{$b} } keys %far;
	return grep { defined } @ids[ 0 .. $limit - 1 ];
}

# The vectors as one of Qdrant's or Weaviate's points has them.
sub vectors
{
	my ($point) = @_;
	my %named = %{ $point->{vectors} };
	my $only = delete $named{''};
	return ($only, \%named);
}

sub qdrant
{
	my ($mock, $method, $path, $query, $body) = @_;
	my %distance = (cosine => 'Cosine', ip => 'Dot', l2 => 'Euclid');
	return { result => { collections => [ map { +{ name => $_ } } @{ $mock->{names} } ] } } if $path eq '/collections';
	my ($name, $rest) = $path =~ m{^/collections/([^/]+)(.*)$} or return;
	$name =~ s/%(..)/chr hex $1/ge;
	return if !grep { $_ eq $name } @{ $mock->{names} };
	my @points = @{ $mock->{points} };
	if ($rest eq '')
	{
		my %described = map { ($_ => { size => $mock->{dims}{$_}, distance => $distance{ $mock->{metrics}{$_} } }) }
			keys %{ $mock->{metrics} };
		$described{$_}{multivector_config} = { comparator => 'max_sim' } foreach @{ $mock->{several} // [] };
		return { result => { config => { params => { vectors => $described{''} // \%described } } } };
	}
	return { result => { count => scalar @points } } if $rest eq '/points/count';
	if ($rest eq '/points/query')
	{
		return { result => { points =>
				[ map { +{ id => $_, score => 0 } } nearest($mock, $body->{using} // '', $body->{query}, $body->{limit}) ] } };
	}
	return if $rest ne '/points/scroll';
	my $from = 0;
	if (defined $body->{offset})
	{
		$from++ while $points[$from]{id} ne $body->{offset};
	}
	my $end = $from + $body->{limit};
	my @page = grep { defined } @points[ $from .. $end - 1 ];
	my @shown = map { my ($only, $named) = vectors($_);
		+{ id => $_->{id}, payload => $_->{metadata}, vector => $only // $named } } @page;
	return { result => { points => \@shown, next_page_offset => $end < @points ? $points[$end]{id} : undef }, status => 'ok' };
}

sub weaviate
{
	my ($mock, $method, $path, $query, $body) = @_;
	my %distance = (cosine => 'cosine', ip => 'dot', l2 => 'l2-squared');
	my $class = $mock->{names}[0];
	my @points = sort { $a->{id} cmp $b->{id} } @{ $mock->{points} };
	if ($path eq '/v1/schema')
	{
		my %described = map { ($_ => { vectorIndexConfig => { distance => $distance{ $mock->{metrics}{$_} } } }) }
			keys %{ $mock->{metrics} };
		my $only = delete $described{''};
		return { classes => [ map { +{ class => $_, %{ $only // {} }, %described ? (vectorConfig => \%described) : (),
					multiTenancyConfig => { enabled => $mock->{tenant} ? JSON::PP::true : JSON::PP::false } } }
				@{ $mock->{names} } ] };
	}
	my $tenant = $mock->{tenant} // '';
	if ($path eq '/v1/graphql')
	{
		my $asked = $body->{query};
		return { errors => [ { message => 'tenant' } ] } if $tenant && index($asked, qq(tenant:"$tenant")) < 0;
		return { data => { Aggregate => { $class => [ { meta => { count => scalar @points } } ] } } }
			if $asked =~ /^\{Aggregate\{\Q$class\E(?:\(tenant:"\w+"\))?\{meta\{count\}\}\}\}$/;
		my ($limit, $vector, $name) =
			$asked =~ /^\{Get\{\Q$class\E\(limit:(\d+),(?:tenant:"\w+",)?nearVector:\{vector:(\[[^]]*\])(?:,targetVectors:\["(\w+)"\])?\}\)\{_additional\{id\}\}\}\}$/
			or return;
		return { data => { Get => { $class =>
				[ map { +{ _additional => { id => $_ } } } nearest($mock, $name // '', $json->decode($vector), $limit) ] } } };
	}
	return if $path ne '/v1/objects' || $query->{class} ne $class || $query->{include} ne 'vector' ||
		($query->{tenant} // '') ne $tenant;
	my @page = grep { defined } (grep { $_->{id} gt $query->{after} } @points)[ 0 .. $query->{limit} - 1 ];
	return { objects => [ map { my ($only, $named) = vectors($_);
			+{ class => $class, id => $_->{id}, properties => $_->{metadata}, $only ? (vector => $only) : (),
				%$named ? (vectors => $named) : () } } @page ], totalResults => scalar @page };
}

sub chroma
{
	my ($mock, $method, $path, $query, $body) = @_;
	my ($rest) = $path =~ m{^/api/v2/tenants/\w+/databases/\w+/collections(.*)$} or return;
	my @points = @{ $mock->{points} };
	return [ map { +{ id => "id-of-$_", name => $_, metadata => undef,
				configuration_json => { hnsw => { space => $mock->{metrics}{''} } } } } @{ $mock->{names} } ] if $rest eq '';
	return if $rest !~ s{^/id-of-$mock->{names}[0]/}{};
	return scalar @points if $rest eq 'count';
	return { ids => [ [ nearest($mock, '', $body->{query_embeddings}[0], $body->{n_results}) ] ] } if $rest eq 'query';
	return if $rest ne 'get';
	my @page = grep { defined } @points[ $body->{offset} .. $body->{offset} + $body->{limit} - 1 ];
	return get_result(@page);
}

# What Chroma's get() returns, which is also a file that migrate reads.
sub get_result
{
	my @page = @_;
	return { ids => [ map { $_->{id} } @page ], embeddings => [ map { $_->{vectors}{''} } @page ],
		documents => [ map { $_->{document} } @page ], metadatas => [ map { $_->{metadata} } @page ],
		uris => undef, data => undef, included => [ 'embeddings', 'metadatas', 'documents' ] };
}

1;
