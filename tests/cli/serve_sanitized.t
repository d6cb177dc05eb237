#!/usr/bin/perl
#
# serve_sanitized.t - goal: the whole life of a server under the address and
# undefined-behaviour sanitizers, leaks included: serve_lifecycle.t once more,
# with the omendb that is built with them.
#
# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use File::Basename qw(dirname);
use lib dirname(__FILE__);
use OmenInstance;
use Test::More;

my ($sanitized) = grep { -x } map { build_dir() . "/$_/cli/omendb" } qw(meson-asan asan);
plan skip_all => 'no sanitized build here (tests/run makes one)' unless $sanitized;

$ENV{OMENDB_TEST_BINARY} = $sanitized;
$ENV{ASAN_OPTIONS} = 'detect_leaks=1:exitcode=99';
$ENV{UBSAN_OPTIONS} = 'halt_on_error=1:exitcode=99';
exec $^X, dirname(__FILE__) . '/serve_lifecycle.t' or die "exec: $!";
