-- The extension vector: the types vector, halfvec and sparsevec, functions
-- over bit, and indexes on them.  Same names, arguments and marks as pgvector
-- 0.8.6; costs are our own, from measurement (see the README of this folder).
-- SPDX-License-Identifier: Apache-2.0

\echo Use "CREATE EXTENSION vector" to load this file. \quit

