"""The time of a search, inside the server: no client, no wire.

SPDX-License-Identifier: Apache-2.0
"""

SEARCH_US = """
CREATE OR REPLACE FUNCTION bench_search_us(t regclass, queries int) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
    asked vector[];
    q vector;
    began timestamptz;
BEGIN
    EXECUTE format('SELECT array_agg(embedding) FROM (SELECT embedding FROM %s ORDER BY hashint8(id) LIMIT %s) s',
                   t, queries) INTO asked;
    FOR round IN 0 .. 1 LOOP
        began := clock_timestamp();
        FOREACH q IN ARRAY asked LOOP
            EXECUTE format('SELECT array_agg(id) FROM (SELECT id FROM %s ORDER BY embedding <-> $1 LIMIT 10) s', t) USING q;
        END LOOP;
    END LOOP;
    RETURN extract(epoch FROM clock_timestamp() - began) * 1e6 / queries;
END $$
"""
