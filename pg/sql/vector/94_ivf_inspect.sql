-- ivf: functions that let a user see and verify an index
-- SPDX-License-Identifier: Apache-2.0

CREATE FUNCTION vector_last_scan(OUT index regclass, OUT recall_target float8, OUT rounds bigint,
	OUT lists_probed bigint, OUT lists_skipped bigint, OUT codes_scanned bigint, OUT records_read bigint,
	OUT rows_removed_by_index bigint, OUT rows_fetched bigint, OUT rows_removed bigint, OUT stopped_by_bound boolean)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION vector_last_scan() IS 'what the last scan of an ivf index in this session has done';

CREATE FUNCTION vector_index_stats(index regclass, OUT rows bigint, OUT lists int, OUT dimensions int, OUT metric text,
	OUT generation bigint, OUT trained_rows bigint, OUT calibration_queries int,
	OUT tail_rows bigint, OUT dead_postings bigint, OUT dead_records bigint,
	OUT largest_list int, OUT median_list int, OUT imbalance float8, OUT drift float8,
	OUT bytes bigint, OUT meta_bytes bigint, OUT model_bytes bigint, OUT directory_bytes bigint, OUT packed_bytes bigint,
	OUT tail_bytes bigint, OUT row_bytes bigint, OUT free_bytes bigint, OUT left_over_bytes bigint,
	OUT search_bytes bigint, OUT search_bytes_per_row float8, OUT row_bytes_per_row float8)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION vector_index_stats(regclass) IS 'of what an ivf index consists';

CREATE FUNCTION vector_maintain(index regclass) RETURNS text
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION vector_maintain(regclass) IS
	'what VACUUM does to an ivf index when it is due: lists repacked, split and merged, or trained anew when rows have drifted from them';

CREATE FUNCTION vector_index_calibration(index regclass)
	RETURNS TABLE (k int, recall real, probes int, stop_z real, reach real, patience int, probes_when_grown int)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION vector_index_calibration(regclass) IS 'how far an ivf index is searched for a recall';

CREATE FUNCTION vector_check(index regclass) RETURNS TABLE (block bigint, list int, slot bigint, problem text)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION vector_check(regclass) IS 'what is wrong with an ivf index: no rows when nothing is';

CREATE FUNCTION vector_prewarm(index regclass, everything boolean DEFAULT false, OUT blocks bigint, OUT bytes bigint)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION vector_prewarm(regclass, boolean) IS 'reads what searches of an ivf index go through, or all of it, into memory';

CREATE FUNCTION vector_recall(index regclass, samples int DEFAULT 100, k int DEFAULT 10, OUT queries int, OUT recall float8,
	OUT worst_twentieth float8, OUT mean_lists_probed float8, OUT mean_rows_fetched float8)
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION vector_recall(regclass, int, int) IS 'which share of the true nearest rows searches of an ivf index find';

CREATE FUNCTION vector_calibrate(index regclass, query_table regclass, query_column name DEFAULT NULL) RETURNS int
	AS 'MODULE_PATHNAME' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION vector_calibrate(regclass, regclass, name) IS 'calibrates an ivf index with queries from a table; returns how many it took';
