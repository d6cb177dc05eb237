-- Scans of an ivf index that take more rows than the Limit above, or beside
-- them, speaks of; conditions with effects of their own; nodes that need equal
-- distances together.  The answers are compared with those of a sequential
-- scan, and the limit of time is what each further row once took too much of.
-- SPDX-License-Identifier: Apache-2.0
set client_min_messages = warning;
create table attack (id int primary key, kind int, v vector(24));
select setseed(0.5) is not null as seeded;
insert into attack
	select i, i % 100, (select array_agg(random()) from generate_series(1, 24) where i = i)::vector
	from generate_series(1, 12000) i;
create index attack_v on attack using ivf (v vector_l2_ops);
vacuum analyze attack;
create function pg_temp.query() returns vector language sql immutable as
	$$select array_fill(0.5::real, array[24])::vector$$;
set statement_timeout = '20s';
set enable_seqscan = off;
set enable_sort = off;

-- A subquery that hangs on the Limit node has no limit itself.
do $$
declare
	line text;
begin
	for line in execute 'explain (costs off)
		select cardinality(array(select id from attack order by v <-> pg_temp.query())) limit 1' loop
		raise info '%', replace(line, ' (returns $0)', '');	-- before 17
	end loop;
end $$;
select cardinality(array(select id from attack order by v <-> pg_temp.query())) limit 1;

-- A volatile condition is not tested early, so the Limit needs far more rows than it says.
select count(*) from (select id from attack where random() < 0.01 order by v <-> pg_temp.query() limit 20) s;
select count(*) < 20 as few from (select id from attack where random() < 0.0001 order by v <-> pg_temp.query() limit 20) s;

-- What a condition's subplan does, it does once for each row that is looked at.
create sequence looked_at;
select count(*) from (select id from attack a
	where (select nextval('looked_at') + a.id) > 0 order by v <-> pg_temp.query() limit 7) s;
select last_value from looked_at;

-- Rows to be locked come from below another node.
begin;
select count(*) from (select id from attack order by v <-> pg_temp.query() limit 50 for update) s;
commit;

-- Many rows at one distance, and a tie to be broken.
create table attack_same (id int primary key, v vector(24));
insert into attack_same
	select i, array_fill((i % 3)::real, array[24])::vector from generate_series(1, 12000) i;
create index on attack_same using ivf (v vector_l2_ops);
vacuum analyze attack_same;
set enable_sort = on;
set cpu_tuple_cost = 1;	-- a full sort must not look cheap
select id from attack_same order by v <-> pg_temp.query(), id limit 5;
reset cpu_tuple_cost;
set enable_sort = off;
select count(*) from (select id from attack_same order by v <-> pg_temp.query() fetch first 3 rows with ties) s;

-- Unique and Group compare neighbours: no distance may come twice.
explain (costs off) select distinct v <-> pg_temp.query() from attack;
select count(*) = count(distinct d) as once, count(*) > 11000 as many from (select distinct v <-> pg_temp.query() as d from attack) s;
set enable_hashagg = off;
select count(*) = count(distinct d) as once, count(*) > 11000 as many from (select v <-> pg_temp.query() as d from attack group by 1) s;
reset enable_hashagg;

-- Numbers at the edge.
select count(*) from (select id from attack order by v <-> pg_temp.query() limit 9223372036854775807) s;
select count(*) from (select id from attack order by v <-> pg_temp.query() limit 9223372036854775807 offset 10) s;
select count(*) from (select id from attack order by v <-> pg_temp.query() limit 10 offset 11995) s;

-- A limit that changes from one rescan to the next.
select sum(n) from generate_series(1, 60) g,
	lateral (select count(*) as n from (select id from attack where kind < g
		order by v <-> pg_temp.query() limit g) s) x;
drop table attack, attack_same;
drop sequence looked_at;
