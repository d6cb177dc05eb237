#!/bin/bash
#
# python.t - pgvector-python's clients and LangChain as they come from PyPI.
#
# SPDX-License-Identifier: Apache-2.0
exec "$(dirname "$0")/run" python langchain
